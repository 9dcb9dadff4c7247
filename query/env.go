package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
)

// What a caller needs of query/exec, under the name of this package.
type (
	// Source is what a query reads from.
	Source = exec.Source
	// Snapshot says what a Source shows.
	Snapshot = exec.Snapshot
	// Revision is the ingested state of one repository.
	Revision = exec.Revision
	// Limits bound what one question may cost.
	Limits = exec.Limits
	// Cost is what an answer took.
	Cost = exec.Cost
	// Symbol is a vertex in an answer.
	Symbol = exec.Symbol
	// Edge is an edge in an answer.
	Edge = exec.Edge
	// Path is a path in an answer.
	Path = exec.Path
	// Place is one place in the source.
	Place = exec.Place
	// Value is nil, bool, int64, float64, string, []Value, map[string]Value, *Symbol, *Edge, *Path.
	Value = exec.Value
)

// Env is where questions are asked: a source, what it shows, and bounds. Each call has the bounds
// for itself.
type Env struct {
	Source   Source
	Snapshot *Snapshot
	Limits   Limits
}

// GapCause is why an answer may not be the whole truth.
type GapCause uint8

// The causes of gaps. Values are those of the wire.
const (
	GapLimit GapCause = iota + 1
	GapDeadline
	GapUnresolved
	GapSkippedFiles
	GapShardUnavailable
)

// String returns the cause in words.
func (c GapCause) String() string {
	names := [...]string{"none", "limit", "deadline", "unresolved", "skipped files",
		"shard unavailable"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// Gap is one reason why an answer may not be the whole truth.
type Gap struct {
	Cause   GapCause
	Count   uint64 // how many, where it can be counted
	Detail  string // names the bound, the shards, the repository
	Partial bool   // rows that were asked for are missing
}

// Trailer ends every answer.
type Trailer struct {
	Timestamp graph.Timestamp
	Token     graph.Timestamp
	Revisions []Revision
	Complete  bool // there are no gaps
	Gaps      []Gap
	Cost      Cost
}

// call is one running question.
type call struct {
	env    *Env
	r      *exec.Reader
	gaps   []Gap
	cancel context.CancelFunc // ends the deadline and closes the reader
}

// begin starts a question: it gets a reader of its own and the deadline.
func (e *Env) begin(ctx context.Context) (*call, context.Context) {
	r := exec.NewReader(e.Source, e.Snapshot, e.Limits)
	ctx, cancel := context.WithTimeout(ctx, r.Limits().Deadline)
	end := func() { cancel(); r.Close() }
	return &call{env: e, r: r, cancel: end}, ctx
}

// gap adds a gap, unless it would say that nothing is missing.
func (c *call) gap(cause GapCause, count uint64, partial bool, format string, args ...any) {
	if count == 0 && !partial {
		return
	}
	c.gaps = append(c.gaps, Gap{Cause: cause, Count: count, Partial: partial,
		Detail: fmt.Sprintf(format, args...)})
}

// cut turns the error of a bound into a gap where a partial answer is allowed: any bound with
// AllowPartial, and a number of rows that the caller chose. Any other error is returned as it is.
func (c *call) cut(ctx context.Context, err error) error {
	chosen := c.env.Limits.MaxRows > 0 && errors.Is(err, exec.ErrRows)
	if err == nil || !c.env.Limits.AllowPartial && !chosen {
		return err
	}
	cause := GapLimit
	switch graph.KindOf(err) {
	case graph.KindLimit:
	case graph.KindDeadline:
		cause = GapDeadline
	default:
		return err
	}
	if !slices.ContainsFunc(c.gaps, func(g Gap) bool { return g.Cause == cause && g.Partial }) {
		// Rows beyond a number that the caller chose were not asked for.
		c.gaps = append(c.gaps, Gap{Cause: cause, Detail: boundText(err), Partial: !chosen})
	}
	c.r.Drain(ctx)
	return nil
}

// boundText is the message of a bound without operation and remedy.
func boundText(err error) string {
	e, ok := err.(*graph.Error)
	switch {
	case !ok:
		return err.Error()
	case e.Msg == "" && e.Err != nil:
		return e.Err.Error()
	}
	return e.Msg
}

// end closes the question and returns its trailer. Gaps of skipped files are those of one
// repository, or, if it is empty, of all.
func (c *call) end(repo string) *Trailer {
	c.cancel()
	snap := c.env.Snapshot
	t := &Trailer{Timestamp: snap.Timestamp, Token: snap.Token, Revisions: snap.Revisions,
		Cost: c.r.Cost()}
	for i := range snap.Revisions {
		rev := &snap.Revisions[i]
		if repo == "" || rev.Name == repo {
			c.gap(GapSkippedFiles, rev.Skipped+rev.Partial, false,
				"%s: %d files skipped, %d understood in part", rev.Name, rev.Skipped, rev.Partial)
		}
	}
	if snap.Unavailable != nil {
		if shards := snap.Unavailable(); len(shards) > 0 {
			c.gap(GapShardUnavailable, uint64(len(shards)), true, "%s", strings.Join(shards, ", "))
		}
	}
	t.Gaps, t.Complete = c.gaps, len(c.gaps) == 0
	return t
}

// repoFilter returns the id of a repository; the empty name stands for any.
func (e *Env) repoFilter(op, name string) (graph.RepoID, error) {
	if name == "" {
		return 0, nil
	}
	if id, ok := e.Snapshot.RepoID(name); ok {
		return id, nil
	}
	names := make([]string, 0, len(e.Snapshot.Revisions))
	for i := range e.Snapshot.Revisions {
		names = append(names, e.Snapshot.Revisions[i].Name)
	}
	err := graph.Errorf(op, graph.KindNotFound, "there is no repository %q", name)
	if len(names) == 0 {
		return 0, err.WithRemedy("nothing is ingested yet")
	}
	const most = 10
	if len(names) > most {
		names = append(names[:most:most], "...")
	}
	return 0, err.WithRemedy("there are: %s", strings.Join(names, ", "))
}
