// Package group runs the Raft groups of shards on one node: each replica with its log, its state
// machine and its transport, and the set of them that the map places here. The meta group, which
// package node runs, shares the parts: Leadership, Confirm, BaseLog, NewLogger.
//
//	Set.Reconcile      opens the replicas that the map places here, destroys those it gave up
//	Replica.Carry      does a step of an operator: a member added, made a voter, removed
//	Replica.Propose    encodes a command under the term and epoch of the moment, hands it to Raft
//	machine.ApplyBatch one batch of the storage engine for all committed entries
//	Replica.WaitApplied the state has what a view needs
//
// Invariants:
//
//	G1  A replica is opened under the incarnation that its log says it was created as, or not at all.
//	G2  A replica whose log or state lost what the other builds on is refused (rules 5.1, 5.3).
//	G3  The log is truncated only up to an index that the flushed state has passed.
//	G4  A leader answers from its own knowledge only after a barrier of its own term is applied.
//	G5  Leadership is confirmed by answers to what was sent after the question arrived.
//	G6  A replica is made only where the map places it, under an incarnation that was given once.
//	    Only the founding ones write a configuration; any other gets all from the leader, and is
//	    asked for its vote when it is a voter (rule 5.3).
//	G7  A replica that the map has given up gets a tombstone before anything of it goes, and is never
//	    made again, whatever map the node starts with.
//	G8  A step of an operator is done only while it is the operator's step, which the leader asks of
//	    the meta group while it does no other.
//	G9  The epoch of a command is that of the shard's log. The leader writes the map's into it.
//	G10 An error after the hand-over to Raft means unknown. Every command is safe to repeat.
package group
