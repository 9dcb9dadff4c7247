package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: bench ingest [flags] [DIR...]

Ingests each directory into fresh nodes, once in clear text and once with TLS, and prints the
figures; the last line is JSON. Without DIR the inputs of scripts/inputs.sh are taken.
`

func main() {
	if len(os.Args) < 2 || os.Args[1] != "ingest" {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := ingestBench{out: os.Stdout, log: os.Stderr}
	flags := flag.NewFlagSet("ingest", flag.ExitOnError)
	flags.StringVar(&b.bin, "bin", "bin", "directory of codegraphd and cgctl")
	flags.StringVar(&b.inputs, "inputs", ".inputs", "directory of scripts/inputs.sh")
	flags.IntVar(&b.nodes, "nodes", 3, "processes")
	flags.StringVar(&b.mode, "mode", "both", "insecure, tls or both")
	flags.Float64Var(&b.bars.linesPerSecond, "bar-lines", 20000, "least lines per second")
	flags.Float64Var(&b.bars.memoryMB, "bar-memory-mb", 4096, "most memory of all processes, MB")
	_ = flags.Parse(os.Args[2:]) // ExitOnError
	missed, err := b.run(ctx, flags.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || missed > 0 {
		os.Exit(1)
	}
}
