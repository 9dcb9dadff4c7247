package ingest

import (
	"os"
	"sync"

	"github.com/codegraphdb/codegraph/graph"
)

// contents keeps what was read of each file from the first pass to the second: in memory up to a
// budget, the rest in a temporary file.
type contents struct {
	budget int64
	dir    string

	mu    sync.Mutex // guards what follows
	used  int64
	mem   map[int][]byte
	spill *os.File
	end   int64
	at    map[int]extent
}

// extent is a place in the temporary file.
type extent struct{ off, size int64 }

func newContents(opts Options) *contents {
	return &contents{budget: opts.MemoryBudget, dir: opts.TempDir, mem: map[int][]byte{},
		at: map[int]extent{}}
}

// put keeps the contents of file i.
func (c *contents) put(i int, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used+int64(len(data)) <= c.budget {
		c.used += int64(len(data))
		c.mem[i] = data
		return nil
	}
	if c.spill == nil {
		f, err := os.CreateTemp(c.dir, "codegraph-ingest-*")
		if err != nil {
			return c.failed(err)
		}
		os.Remove(f.Name()) // it goes away with the process
		c.spill = f
	}
	if _, err := c.spill.WriteAt(data, c.end); err != nil {
		return c.failed(err)
	}
	c.at[i] = extent{c.end, int64(len(data))}
	c.end += int64(len(data))
	return nil
}

func (c *contents) failed(err error) error {
	return graph.Errorf("ingest.Run", graph.KindDiskFull, "temporary file for file contents: %w", err).
		WithRemedy("free space in the directory for temporary files, or give more memory")
}

// take returns the contents of file i and lets go of what memory holds.
func (c *contents) take(i int) ([]byte, error) {
	c.mu.Lock()
	data, ok := c.mem[i]
	if ok {
		delete(c.mem, i)
		c.used -= int64(len(data))
	}
	x, spill := c.at[i], c.spill
	c.mu.Unlock()
	if ok {
		return data, nil
	}
	data = make([]byte, x.size)
	if x.size > 0 {
		if _, err := spill.ReadAt(data, x.off); err != nil {
			return nil, c.failed(err)
		}
	}
	return data, nil
}

func (c *contents) close() {
	if c.spill != nil {
		c.spill.Close()
	}
}
