// Package cluster is what the nodes of a cluster agree on: the state machine of the meta group (the
// map, nodes, repositories, revisions, imports, claims, timestamps), placement, the pure core of a
// safe bootstrap, and the gossip adapter by which nodes find each other.
//
// It knows no consensus library, no storage and no service: the caller proposes the bytes that
// EncodeCommand gives, passes committed ones to State.Apply in the order of the log, and keeps what
// State.Encode gives as a snapshot.
//
// Invariants:
//
//	C1   Apply is deterministic. Time stands in the commands, put there by the proposer; the state
//	     (state*.go) reads no clock, draws no number and never depends on the order of a map.
//	C2   A command applies whole or not at all; a refusal changes nothing but the applied index.
//	     A command that cannot be decoded is fatal: the replica stops rather than skip it.
//	C3   Every import id and commit timestamp is above every one given before, and within the
//	     window that was in the log before it was drawn. The leader draws it as it proposes; a
//	     command applies only in the term in which it was proposed (rules 1.6, 1.8).
//	C4   A repository has at most one open import. A repository id is never given twice.
//	C5   An import ends once: committed, with one seal of every shard, or aborted. The log
//	     decides the race; whoever asks again gets the same answer.
//	C6   A committed import is in every View at or above its commit timestamp. Its outcome
//	     travels with views until every shard has it in its log, and for TailOutcomes commits
//	     more; only then does the index that a replica must have applied cover the entry that
//	     brought the outcome.
//	C7   A claim is held by one repository. It is tentative until the import that took it commits
//	     and gone if that import aborts; only deleting the repository frees a confirmed one.
//	C8   What readers hold (Snapshot and all it returns) never changes.
//	C9   A node pledges itself to at most one cluster, durably, before it says so; a cluster is
//	     founded only when all its members have pledged themselves to exactly it. So clusters
//	     with a common member are the same cluster. Nothing is ever concluded from a timeout.
//	C10  Gossip is a hint: it tells addresses and who seems alive, and decides nothing.
//	C11  A pin is never added below the safepoint, and the safepoint, which is in the log before
//	     anything is collected, never passes an open import.
//	C12  An incarnation of a shard is given once; a replica that has left the map is dead. A shard
//	     has at most one operator, and every change of its replicas has an epoch of its own.
//
// A command, a result and a snapshot are JSON: meta traffic is low, and a person can read a log.
//
//	command   {"v":2,"kind":"open","term":7,"body":{...}}
//	snapshot  codegraph-meta 2 <crc32c of the rest, 8 hex digits> LF {...} LF
//	pledge    codegraph-pledge 1 <crc32c of the rest, 8 hex digits> LF {...} LF
package cluster
