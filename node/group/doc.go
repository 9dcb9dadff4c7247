// Package group runs the Raft groups of shards on one node: each replica with its log, its state
// machine and its transport, and the set of them that the map places here. The meta group, which
// package node runs, shares the parts: Leadership, Confirm, BaseLog, NewLogger.
//
//	Set.Reconcile      opens the replicas that the map places here
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
//	G6  An error after the hand-over to Raft means unknown. Every command is safe to repeat.
package group
