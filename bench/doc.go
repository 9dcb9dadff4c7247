// Command bench measures codegraph from outside: real processes, real sources, the commands that
// people use. The inputs are those of scripts/inputs.sh, or any directory.
//
//	go run ./bench ingest [DIR...]     figures of an ingest into three nodes (make bench-ingest)
//	go run ./bench idle                what nodes cost that nobody asks anything (make bench-idle)
//	go run ./bench failover            leader killed to first write (make bench-failover)
//	go run ./bench raftlog             stores of Raft logs side by side (make bench-raftlog)
//	go test -tags inputs ./bench       the questions with known answers (make questions)
//
// testdata/questions.txt holds the questions: how each truth was established without codegraph,
// what is asked, and the rows of the answer. What codegraph answers wrongly stands there too.
//
// Invariants:
//
//	B1  A figure comes from the operating system or from the cluster's own report, never from what
//	    this program believes. Lines per second count lines of files whose facts were stored.
//	B2  A bar that is missed is named in the last line and makes the exit code 1.
//	B3  A question passes if the rows are the truth, less its known-missing rows, plus its
//	    known-wrong ones. A known error that is gone fails too, so the list only shrinks.
//	    A question that is to be refused passes if it is, for the reason that stands there.
//	B4  Missing inputs fail; nothing is skipped.
//	B5  Every run has a directory of its own and ends the processes it started, and no others.
//	B6  A node that takes in the inputs or answers a question keeps to its memory limit.
package main
