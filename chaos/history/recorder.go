package history

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Recorder appends to a history. All its methods may be called at once from any goroutine. An
// error, and any misuse, sticks and is returned by Close; lines after it are dropped.
type Recorder struct {
	opts Options

	mu        sync.Mutex
	out       *bufio.Writer
	zip       *gzip.Writer
	file      *os.File
	next      int
	last      int64
	flushed   time.Duration
	processes int
	faults    int
	closed    bool
	err       error
}

// Create makes the file, which must not exist, and writes the head. A name that ends in .gz is
// compressed.
func Create(name string, head Head) (*Recorder, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	var zip *gzip.Writer
	var w io.Writer = f
	if strings.HasSuffix(name, ".gz") {
		zip = gzip.NewWriter(f)
		w = zip
	}
	r := newRecorder(w, Options{})
	r.zip, r.file = zip, f
	r.head(head)
	return r, nil
}

// NewRecorder records to w.
func NewRecorder(w io.Writer, head Head, opts Options) *Recorder {
	r := newRecorder(w, opts)
	r.head(head)
	return r
}

func newRecorder(w io.Writer, opts Options) *Recorder {
	return &Recorder{opts: opts.withDefaults(), out: bufio.NewWriterSize(w, 64<<10)}
}

func (r *Recorder) head(h Head) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.append(line{Type: TypeHead, Head: &h})
}

// append writes a line and returns its number. The caller holds mu.
func (r *Recorder) append(l line) int {
	wall, since := r.opts.Clock()
	l.I, l.T, l.Wall = r.next, max(r.last, since.Microseconds()), wall.UnixMicro()
	r.next++
	r.last = l.T
	if r.err != nil {
		return l.I
	}
	if r.closed {
		r.fail(fmt.Errorf("history: a line of type %s after Close", l.Type))
		return l.I
	}
	text, err := json.Marshal(&l)
	if err == nil {
		_, err = r.out.Write(append(text, '\n'))
	}
	landmark := l.Type == TypeFault || l.Type == TypePhase
	if err == nil && (landmark || since-r.flushed >= r.opts.FlushEvery) {
		r.flushed = since
		err = r.flush()
	}
	if err != nil {
		r.fail(fmt.Errorf("history: line %d: %w", l.I, err))
	}
	return l.I
}

// flush brings everything to the file, so that a run that dies leaves what led to it.
func (r *Recorder) flush() error {
	if err := r.out.Flush(); err != nil || r.zip == nil {
		return err
	}
	return r.zip.Flush()
}

func (r *Recorder) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Phase begins a part of the run: Clean, Faults, Healed, Final.
func (r *Recorder) Phase(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.append(line{Type: TypePhase, Phase: name})
}

// Observe records something seen beside the operations.
func (r *Recorder) Observe(o Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.append(line{Type: TypeSeen, Seen: &o})
}

// Digest records a replica's digest at an applied index.
func (r *Recorder) Digest(node string, shard, applied uint64, digest string) {
	value, _ := json.Marshal(digest) // a string always becomes JSON
	r.Observe(Observation{Kind: SeenDigest, Node: node, Shard: shard, Applied: applied, Value: value})
}

// OpenFault is a fault that has begun.
type OpenFault struct {
	rec  *Recorder
	id   int
	once sync.Once
}

// Fault records that a nemesis begins something.
func (r *Recorder) Fault(kind string, targets ...string) *OpenFault {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults++
	f := &OpenFault{rec: r, id: r.faults}
	r.append(line{Type: TypeFault, Fault: &faultLine{ID: f.id, Stage: stageBegin, Kind: kind,
		Targets: targets}})
	return f
}

// End records that the fault was healed, and what it was measured to have done. Calls after the
// first do nothing, so that it can be deferred.
func (f *OpenFault) End(effect Effect, note string) {
	f.once.Do(func() {
		f.rec.mu.Lock()
		defer f.rec.mu.Unlock()
		f.rec.append(line{Type: TypeFault, Fault: &faultLine{ID: f.id, Stage: stageEnd, Effect: effect,
			Note: note}})
	})
}

// Close writes the end line and returns the first error of all calls. Operations that are still
// under way stay unknown.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.err
	}
	r.append(line{Type: TypeEnd})
	r.closed = true
	errs := []error{r.err, r.out.Flush()}
	if r.zip != nil {
		errs = append(errs, r.zip.Close())
	}
	if r.file != nil {
		errs = append(errs, r.file.Sync(), r.file.Close())
	}
	r.err = errors.Join(errs...)
	return r.err
}
