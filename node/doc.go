// Package node is the process: it opens the groups, moves bytes, serves gRPC, and is the only place
// where everything is wired.
//
// The life of a write (a batch of an import):
//
//	ingestServer.Write      any node takes it; bytes in flight are bounded
//	Node.writeShard         finds the shard's leader, here or elsewhere (route.go); a client that
//	                        names the node gets writeDirect, which forwards nothing
//	group.Replica.Propose   encodes it under the term and epoch of the moment, hands it to Raft
//	raftlog.Group.StoreLogs leader and followers fsync it (package raftlog)
//	group.machine           one batch of the storage engine for all committed entries
//	shard.Shard.Apply       checks, de-duplicates, stamps rows with the import id (package shard)
//
// A revision: Open (meta) -> batches -> a seal in every shard -> Commit, one entry of the meta
// group (cluster.State) -> the meta leader writes the outcome into each shard's log (imports.go).
//
// The life of a read:
//
//	queryServer.ask         viewFor chooses the timestamp (view.go), newSource binds to it
//	query.Env               resolves, plans and runs (package query), asking the source in batches
//	source.scatter          groups ids by shard and asks the shards side by side
//	source.openReader       the own replica if it has applied what the view needs, else another's
//	shard.View              rows visible at the view (package shard)
//	queryServer.trailer     says how complete the answer is
//
// The life of a cluster: founding.run asks cluster.Decide what to do and does it: pledge, found or
// join; then the meta group runs, the map appears, and group.Set.Reconcile opens the replicas
// that it places here.
//
// The life of an operator (a change of a shard's replicas): ChangeReplicas puts it into the
// meta group's state (cluster.StartOperator); the meta leader carries it out (operators.go), each
// step at the shard's leader (group.Replica.Carry), and says what is done
// (cluster.AdvanceOperator).
//
// Invariants:
//
//	N1  Acknowledged means applied on the leader after a quorum has fsynced it.
//	N2  An error after the hand-over to Raft means unknown. Every command is safe to repeat.
//	N3  A replica serves a view only if it has applied the index that the view demands of its shard.
//	N4  A leader answers from its own knowledge only after a barrier of its own term is applied.
//	N5  Leadership is confirmed by answers to what was sent after the question arrived.
//	N6  A node whose log or state is gone does not come back under its old name.
//	N7  After a failed fsync, an apply error or a missed write deadline the process ends.
//	N8  Every request has a deadline; every queue is bounded.
//	N9  While the disk is nearly full, batches and new imports are refused; everything else goes on,
//	    so that truncation and commits can free space.
package node
