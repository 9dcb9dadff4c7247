package codegraph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"

	ingestv1 "github.com/codegraphdb/codegraph/api/codegraph/ingest/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// Package names a package in its manager's words, e.g. {"gomod", "k8s.io/api"}.
type Package struct{ Manager, Name string }

// OpenOptions describe the revision that an import brings.
type OpenOptions struct {
	Repo     string    // name of the repository
	Revision string    // commit, "<commit>-dirty.<hash>" or "tree.<hash>"
	Packages []Package // that the repository declares
	Commits  []string  // recent ones, newest first
	Replace  bool      // take the name even if nothing is shared with what is stored under it
	Delete   bool      // the revision is the empty tree: the repository is deleted
	Partial  bool      // owners that are not Put stay as they are
	Holder   string    // who holds the lock; default user@host pid
}

// Import brings one revision of a repository in; nobody sees it before Commit. Put may be called
// by many goroutines at once.
type Import struct {
	client  *Client
	opts    OpenOptions
	resp    *ingestv1.OpenResponse
	base    *base
	lanes   []*lane
	room    *semaphore.Weighted
	written Written

	ctx    context.Context // ends with the caller's, or with the first failure
	cancel context.CancelCauseFunc
	once   sync.Once // Abort
	ending sync.Mutex
	ended  bool // committed or aborted
	beat   sync.WaitGroup
	stop   func() bool
}

const (
	renewEvery  = 2 * time.Second
	renewFor    = time.Minute // without any answer until the import gives up
	abortWithin = 5 * time.Second
)

// OpenImport takes the repository's lock and loads what its owners wrote before. When ctx ends,
// the import is aborted.
func (c *Client) OpenImport(ctx context.Context, opts OpenOptions) (*Import, error) {
	req := openRequest(&opts)
	resp, err := c.open(ctx, req)
	if err != nil {
		if ctx.Err() != nil {
			c.takeBack(req)
		}
		return nil, err
	}
	im := &Import{client: c, opts: opts, resp: resp, room: semaphore.NewWeighted(c.opts.InFlight)}
	im.ctx, im.cancel = context.WithCancelCause(ctx)
	im.beat.Add(1)
	go im.renew()
	im.ending.Lock()
	im.stop = context.AfterFunc(ctx, func() { im.Abort(context.Cause(ctx).Error()) })
	im.ending.Unlock()
	if im.lanes, err = newLanes(resp.GetShards()); err == nil {
		c.routes.refresh(im.ctx, true)
		im.base, err = c.loadBase(im.ctx, resp)
	}
	if err != nil {
		err = im.failed(err)
		im.Abort(err.Error())
		return nil, err
	}
	return im, nil
}

func openRequest(opts *OpenOptions) *ingestv1.OpenRequest {
	if opts.Holder == "" {
		opts.Holder = holder()
	}
	req := &ingestv1.OpenRequest{Repo: opts.Repo, Revision: opts.Revision, Commits: opts.Commits,
		Replace: opts.Replace, Delete: opts.Delete, Holder: opts.Holder,
		RequestId: uuid.NewString()}
	for _, p := range opts.Packages {
		req.Packages = append(req.Packages, &ingestv1.Package{Manager: p.Manager, Name: p.Name})
	}
	return req
}

func holder() string {
	name, host := "somebody", "unknown host"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s pid %d", name, host, os.Getpid())
}

func (c *Client) open(ctx context.Context, req *ingestv1.OpenRequest) (
	*ingestv1.OpenResponse, error) {
	var resp *ingestv1.OpenResponse
	p := c.writing("Open")
	p.retryFor, p.connectFor = c.opts.RetryFor, c.opts.ConnectFor
	err := c.do(ctx, p, func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
		resp, err = ingestv1.NewIngestServiceClient(conn).Open(ctx, req)
		return err
	})
	return resp, err
}

// takeBack gives the lock back that an interrupted Open may have taken: the same request again
// tells the import's id.
func (c *Client) takeBack(req *ingestv1.OpenRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), abortWithin)
	defer cancel()
	if resp, err := c.open(ctx, req); err == nil {
		_ = c.abort(ctx, resp, "interrupted")
	}
}

// ID returns the import's id.
func (im *Import) ID() graph.Timestamp { return graph.Timestamp(im.resp.GetImportId()) }

// Attempt returns which attempt of the import this is.
func (im *Import) Attempt() uint32 { return im.resp.GetAttempt() }

// RepoID returns the repository's id.
func (im *Import) RepoID() graph.RepoID { return graph.RepoID(im.resp.GetRepoId()) }

// Foreign lists the packages among those declared that another repository owns.
func (im *Import) Foreign() []Package {
	var out []Package
	for _, p := range im.resp.GetForeign() {
		out = append(out, Package{p.GetManager(), p.GetName()})
	}
	return out
}

// BaseTimestamp returns a timestamp at which the repository's last revision can be read; zero if
// there is none.
func (im *Import) BaseTimestamp() graph.Timestamp {
	return graph.Timestamp(im.resp.GetBaseTimestamp())
}

// fail ends the import with its first error.
func (im *Import) fail(err error) { im.cancel(err) }

// failed returns why the import failed, if it did, else err.
func (im *Import) failed(err error) error {
	if cause := context.Cause(im.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// renew keeps the lock until the import ends.
func (im *Import) renew() {
	defer im.beat.Done()
	p := im.client.writing("Renew")
	p.retryFor, p.connectFor = renewFor, renewFor
	req := &ingestv1.RenewRequest{ImportId: im.resp.GetImportId(), Attempt: im.resp.GetAttempt()}
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-im.ctx.Done():
			return
		case <-tick.C:
		}
		err := im.client.do(im.ctx, p,
			func(ctx context.Context, conn grpc.ClientConnInterface) error {
				_, err := ingestv1.NewIngestServiceClient(conn).Renew(ctx, req)
				return err
			})
		if err != nil && im.ctx.Err() == nil {
			im.fail(graph.Errorf("Renew", graph.KindConflict, "the lock of repository %s is lost: %w",
				im.opts.Repo, err).WithRemedy("ingest again"))
			return
		}
	}
}

// Commit makes the revision visible, after Seal.
func (im *Import) Commit(ctx context.Context, stats *ingestv1.Stats) (graph.Timestamp, error) {
	seals, err := im.seals()
	if err != nil {
		return 0, err
	}
	im.ending.Lock()
	defer im.ending.Unlock()
	if im.ended {
		return 0, im.failed(graph.Errorf("Commit", graph.KindConflict, "the import has ended"))
	}
	req := &ingestv1.CommitRequest{ImportId: im.resp.GetImportId(), Attempt: im.resp.GetAttempt(),
		Seals: seals, Stats: stats}
	var resp *ingestv1.CommitResponse
	err = im.client.do(ctx, im.client.writing("Commit"),
		func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
			resp, err = ingestv1.NewIngestServiceClient(conn).Commit(ctx, req)
			return err
		})
	if err != nil {
		return 0, im.failed(err)
	}
	im.ended = true
	im.finish(nil)
	im.client.observe(resp.GetToken())
	return graph.Timestamp(resp.GetTimestamp()), nil
}

// Abort gives the import up and the lock back; after Commit it does nothing. It does not depend
// on the context of the import.
func (im *Import) Abort(reason string) {
	im.once.Do(func() {
		im.ending.Lock()
		defer im.ending.Unlock()
		if im.ended {
			return
		}
		im.ended = true
		im.finish(graph.Errorf("Abort", graph.KindCanceled, "aborted: %s", reason))
		ctx, cancel := context.WithTimeout(context.Background(), abortWithin)
		defer cancel()
		_ = im.client.abort(ctx, im.resp, reason) // the lease ends it otherwise
	})
}

// finish ends the renewal and everything that is still being sent.
func (im *Import) finish(cause error) {
	if im.stop != nil { // set once the import is open
		im.stop()
	}
	im.cancel(cause)
	im.beat.Wait()
}

func (c *Client) abort(ctx context.Context, of *ingestv1.OpenResponse, reason string) error {
	req := &ingestv1.AbortRequest{ImportId: of.GetImportId(), Attempt: of.GetAttempt(),
		Reason: reason}
	return c.do(ctx, c.writing("Abort"),
		func(ctx context.Context, conn grpc.ClientConnInterface) error {
			_, err := ingestv1.NewIngestServiceClient(conn).Abort(ctx, req)
			return err
		})
}

// DeleteRepository removes all of a repository and returns when that was committed.
func (c *Client) DeleteRepository(ctx context.Context, name string) (graph.Timestamp, error) {
	im, err := c.OpenImport(ctx, OpenOptions{Repo: name, Delete: true})
	if err != nil {
		return 0, err
	}
	defer im.Abort("not committed")
	if err := im.Seal(ctx); err != nil {
		return 0, err
	}
	return im.Commit(ctx, &ingestv1.Stats{})
}

// loadBase reads the F rows of all owners of the repository.
func (c *Client) loadBase(ctx context.Context, of *ingestv1.OpenResponse) (*base, error) {
	b := newBase()
	if of.GetBaseTimestamp() == 0 {
		return b, nil
	}
	req := &ingestv1.BaseRequest{RepoId: of.GetRepoId(), Timestamp: of.GetBaseTimestamp()}
	p := c.reading("Base")
	p.retryFor, p.connectFor = renewFor, renewFor // as long as the lock is held
	err := c.do(ctx, p, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		b = newBase()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := ingestv1.NewIngestServiceClient(conn).Base(ctx, req)
		for err == nil {
			var m *ingestv1.BaseResponse
			if m, err = stream.Recv(); err == nil {
				err = b.add(m.GetRows())
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
	return b, err
}
