// Package workload is the traffic of a run: what clients write and read, recorded so that the
// checkers of package check can judge it.
//
//	w, err := workload.New("W7")
//	err = w.Setup(ctx, env)         // before the clean phase; recorded too
//	for running { w.Op(ctx, worker) }   // by every worker at once
//	err = w.Final(ctx, worker)      // last reads, once for each node
//
// Everything is written by imports of small revisions whose facts are made up here, with markers in
// the names: no source is parsed. One worker writes one repository: its revisions are a line.
//
// Invariants:
//
//	WL1  A write whose commit was never asked for has failed; one whose commit was asked for and got
//	     no answer is unknown, whatever the error says.
//	WL2  An answer that leaves something out is an error, never a result.
//	WL3  Whatever the nodes answer is recorded as it came; only checkers judge.
package workload
