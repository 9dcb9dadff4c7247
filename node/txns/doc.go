// Package txns runs the transactions of one node: it drives those that clients send to it, takes
// their steps in the shards that the node leads, serves strong reads there, and finishes what
// others have left. It knows neither Raft nor the network: see Replica and Cluster.
//
//	Server.Mutate    a request becomes a graph.TxnPart, by shard (mutate.go)
//	run.carry        a txn.Coordinator with goroutines, time-outs and repetitions (drive.go)
//	Local.Step       latch, timestamp, proposal at the leader of a shard (step.go, leader.go)
//	Reader           strong reads at the leader of a shard (read.go)
//	leader.clear     locks that are in the way; the sweep of those that nobody meets (resolve.go)
//
// Invariants:
//
//	X1  The leader of a shard draws the timestamp of a one-phase commit and of a prepare: after its
//	    latch, for its term, and the command is refused in any other one (rule 1.8).
//	X2  Writes that overlap in a shard follow each other: none is proposed before the other is
//	    applied. So timestamps rise in the log of each key.
//	X3  A latch is held until it is known what became of the write, or the term ends with it.
//	X4  A strong read at R is served by a leader that was confirmed after R was granted, when no
//	    write whose timestamp is unknown or at most R overlaps with it, and no lock prepared at or
//	    below R hides anything from it (rule 6.5).
//	X5  An error of a step means that nobody knows; it is asked again, and only records answer.
//	X6  The primary is resolved last, so that a record which is not final has somebody who will
//	    finish: its coordinator, or the sweep of the leader of its shard.
package txns
