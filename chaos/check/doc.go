// Package check decides from a recorded history whether the cluster kept its promises: each checker
// is a fold over one history.History and gives true, false or unknown.
//
//	h, err := history.Open("run/history.jsonl.gz")
//	cfg := check.Config{MinRate: 100, Replicas: 3, Logs: os.DirFS("run/logs")}
//	checkers, err := check.For("set bank")  // workloads, by name
//	v := check.Run(h, append(checkers, check.EveryRun()...), cfg)
//	if v.Valid != check.True { ... }
//
// Check does the same for a stored directory, with the configuration that the history's head holds.
// `go run ./chaos/cmd/chaos check DIR` calls it.
//
// Clients write the operations and values named in vocabulary.go. The workloads and their checkers:
//
//	register  W1  every key is a linearizable register with compare-and-set (Porcupine)
//	set       W2  set-full: no acknowledged element is lost, no strong read is stale (E13)
//	bank      W3  the total is the same in every read
//	edge      W5  an edge has both halves or none (E1), counts match (E3)
//	file      W6  nothing of an older version stays after a replace (E2), counts match (E3)
//	revision  W7  every read shows one revision, new enough (E4), walks see the same one (E14)
//	session   W8  a session never goes backwards and sees its own writes (E5)
//	upsert    W9  one id per key (E11), every operation is applied at most once (E12)
//	every run     digests (E6), liveness (E15), statistics, rate, effects, logs, outages
//
// Invariants:
//
//	V1  A verdict is the worst of its results: false, else unknown, else true. Only true is green.
//	V2  A checker that had nothing to look at, ran out of time, met a value that it cannot read, or
//	    broke, says unknown, never true.
//	V3  False is only said of what no order of the operations with unknown outcome explains.
//	V4  Real time is the order of lines in the history, never a clock.
//	V5  Every checker has a golden history that it refuses and its legal twin that passes
//	    (testdata/golden), and is seen to refuse a toy database with the bug it is there for.
package check
