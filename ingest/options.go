package ingest

import (
	"runtime"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Options says how a run works. The zero value of each field means its default.
type Options struct {
	// Repo is the id of the repository that the facts belong to.
	Repo graph.RepoID
	// Foreign tells whether a package that the tree declares is owned by another repository: then
	// its symbol keys carry this repository's id. Nil means that none is.
	Foreign func(manager, pkg string) bool
	// Workers is the number of files read at a time. Default: the number of processors.
	Workers int
	// MemoryBudget is how many bytes of file contents are kept in memory between the passes; more
	// goes to a temporary file. Default: 256 MiB.
	MemoryBudget int64
	// FileTime is how long the parsing of one file may take. Default: 10 s.
	FileTime time.Duration
	// TempDir is where the temporary file goes. Default: the system's.
	TempDir string
	// Progress is called from one goroutine at a time, a few times a second and at the end of each
	// phase. Nil means nobody is told.
	Progress func(Progress)
	// Now is the clock that progress and durations go by. Default: time.Now.
	Now func() time.Time
}

// DiscoverOptions says what Discover takes in. The zero value of each field means its default.
type DiscoverOptions struct {
	// MaxFileBytes is the size above which a file is skipped. Default: 4 MiB.
	MaxFileBytes int64
	// Commits is how many recent commits are listed. Default: 1,000.
	Commits int
	// NoGit makes Discover walk the directory as if git were not there. The commit is still asked
	// for where it can be.
	NoGit bool
}

// The defaults.
const (
	DefaultMaxFileBytes = 4 << 20
	DefaultCommits      = 1000
	DefaultMemoryBudget = 256 << 20
	DefaultFileTime     = 10 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.MemoryBudget <= 0 {
		o.MemoryBudget = DefaultMemoryBudget
	}
	if o.FileTime <= 0 {
		o.FileTime = DefaultFileTime
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o DiscoverOptions) withDefaults() DiscoverOptions {
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = DefaultMaxFileBytes
	}
	if o.Commits <= 0 {
		o.Commits = DefaultCommits
	}
	return o
}
