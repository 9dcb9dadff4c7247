package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: bench ingest [flags] [DIR...]
       bench idle [flags]
       bench failover [flags]
       bench raftlog [flags]

ingest takes each directory into fresh nodes, once in clear text and once with TLS; without DIR the
inputs of scripts/inputs.sh. idle measures nodes that nobody asks anything, with 16 and with 64
shards. failover kills nodes and waits for writes. raftlog compares the stores that Raft logs
can be kept in. All print figures; the last line is JSON.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var missed int
	var err error
	command, args := "", []string(nil)
	if len(os.Args) > 1 {
		command, args = os.Args[1], os.Args[2:]
	}
	switch command {
	case "ingest":
		missed, err = ingestCommand(ctx, args)
	case "idle":
		missed, err = idleCommand(ctx, args)
	case "failover":
		missed, err = failoverCommand(ctx, args)
	case "raftlog":
		missed, err = raftlogCommand(ctx, args)
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || missed > 0 {
		os.Exit(1)
	}
}

func ingestCommand(ctx context.Context, args []string) (int, error) {
	b := ingestBench{out: os.Stdout, log: os.Stderr}
	flags := flag.NewFlagSet("ingest", flag.ExitOnError)
	flags.StringVar(&b.bin, "bin", "bin", "directory of codegraphd and cgctl")
	flags.StringVar(&b.inputs, "inputs", ".inputs", "directory of scripts/inputs.sh")
	flags.IntVar(&b.nodes, "nodes", 3, "processes")
	flags.StringVar(&b.mode, "mode", "both", "insecure, tls or both")
	flags.Float64Var(&b.bars.linesPerSecond, "bar-lines", 20000, "least lines per second")
	flags.Float64Var(&b.bars.memoryMB, "bar-memory-mb", 4096, "most memory of all processes, MB")
	_ = flags.Parse(args) // ExitOnError
	return b.run(ctx, flags.Args())
}

func idleCommand(ctx context.Context, args []string) (int, error) {
	b := idleBench{out: os.Stdout, log: os.Stderr, bars: map[int]float64{16: 6, 64: 20}}
	only := 0
	flags := flag.NewFlagSet("idle", flag.ExitOnError)
	flags.StringVar(&b.bin, "bin", "bin", "directory of codegraphd and cgctl")
	flags.IntVar(&b.nodes, "nodes", 3, "processes")
	flags.IntVar(&only, "shards", 0, "measure this number of shards only; 0: 16 and 64")
	flags.DurationVar(&b.settle, "settle", 20*time.Second, "from ready to the first look")
	flags.DurationVar(&b.window, "window", time.Minute, "between the two looks")
	_ = flags.Parse(args) // ExitOnError
	if b.shards = []int{16, 64}; only > 0 {
		b.shards = []int{only}
	}
	return b.run(ctx)
}

func failoverCommand(ctx context.Context, args []string) (int, error) {
	b := failoverBench{out: os.Stdout, log: os.Stderr}
	flags := flag.NewFlagSet("failover", flag.ExitOnError)
	flags.StringVar(&b.bin, "bin", "bin", "directory of codegraphd and cgctl")
	flags.IntVar(&b.nodes, "nodes", 3, "processes")
	flags.IntVar(&b.kills, "kills", 20, "leaders killed, one after the other")
	flags.Float64Var(&b.p50, "bar-p50", 1.2, "most seconds to the first acknowledged write, median")
	flags.Float64Var(&b.p99, "bar-p99", 2.5, "the same, 99th percentile")
	_ = flags.Parse(args) // ExitOnError
	return b.run(ctx)
}
