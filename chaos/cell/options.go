package cell

import (
	"fmt"
	"strings"
	"time"
)

// Options describe one run.
type Options struct {
	Workload string        // W7
	Nemesis  string        // kill
	Seed     uint64        // of faults and traffic
	Time     time.Duration // of the faults; default 45 s
	Clean    time.Duration // of the traffic before them; default 10 s
	Nodes    int           // default 3
	Shards   int           // default 4
	MinRate  float64       // gate: operations a second in the clean phase; default 50
	Writers  int           // default 2
	Readers  int           // default 4
	Out      string        // directory of the run, which must not hold one
	Work     string        // directory for what is deleted afterwards
	Bin      string        // directory of codegraphd
	Commit   string        // of the code
	Bug      string        // planted bug, handed to the nodes
	Log      func(format string, args ...any)
}

// cell is the name of the cell.
func (o *Options) cell() string { return o.Workload + "/" + o.Nemesis }

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Nodes, 3)
	def(&o.Shards, 4)
	def(&o.Writers, 2)
	def(&o.Readers, 4)
	if o.Time == 0 {
		o.Time = 45 * time.Second
	}
	if o.Clean == 0 {
		o.Clean = 10 * time.Second
	}
	if o.MinRate == 0 {
		o.MinRate = 50
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	return o
}

// replay is the command that repeats the run.
func (o *Options) replay() string {
	parts := []string{"chaos run", "--workload " + o.Workload, "--nemesis " + o.Nemesis,
		fmt.Sprintf("--seed %d", o.Seed), "--time " + o.Time.String(),
		fmt.Sprintf("--nodes %d --shards %d", o.Nodes, o.Shards)}
	return strings.Join(parts, " ") + " --out DIR"
}
