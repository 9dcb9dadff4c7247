// Package shard is one replica of a shard: a deterministic state machine over one Pebble store.
//
// It applies the commands of its group's log in order and answers reads at a timestamp. It knows
// neither Raft nor the network, has no clock, no random numbers and starts no goroutine.
//
// Invariants (numbers of scenarios are those of the protocol rules):
//
//	S1  Data, applied{index, term} and everything derived from them are written in one Pebble
//	    batch. The log of the group is the only write-ahead log, so the durable state is always a
//	    prefix of it and replay from DurableApplied()+1 gives the same state.
//	S2  Apply depends on the commands and on the rows of this store, nothing else (1.4). How
//	    entries are grouped into calls changes nothing.
//	S3  A command evaluated under another term or epoch is rejected, with no effect (1.8). A
//	    command of an unknown version is an error of the replica: it stops, it never skips.
//	S4  A version is visible at R if its import committed at or below R, as the store's own outcome
//	    rows or those that travel with the view say; an unknown import is invisible (1.4). What a
//	    transaction wrote is visible if its commit timestamp is at or below R.
//	S5  Within one row key the order of versions is the order of commits (1.1), so the newest
//	    visible version is the one. Imports and transactions never write one key: the kind tells
//	    who does, and X rows of owner 0 are of transactions.
//	S6  Per import and attempt every batch is applied once; nothing new is applied after the seal
//	    or the outcome (1.3). So key@version is written once and digests are sums (3.7).
//	S7  GC removes a version only when a newer one in its key is committed at or below the
//	    safepoint in the store's own rows and no pin lies in between, or when its import is aborted
//	    there (1.4, 1.12). A read below the safepoint is allowed at a pin only.
//	S8  Import ids below the watermark are committed at or below the safepoint and every pin, or
//	    aborted and collected: their rows need no look-up and nothing may be written under them.
//	S9  base and incarnation belong to the replica, not to the shard: not replicated, not digested.
//	S10 A transaction commits only what nobody changed since it began: of what it writes, of its
//	    preconditions and of its read set, no version is newer than its start, and no lock of
//	    another one is in the way. What is judged when it is prepared stays so until it has ended:
//	    locks.
//	S11 A transaction has one outcome: what its record at the primary first said. Each command
//	    repeated gives the same answer and changes nothing; what comes after the end is refused. A
//	    record goes only below the safepoint, and that of a commit only when all participants have
//	    resolved it.
//	S12 Both halves of an edge made by Cypher are written at one timestamp. A vertex made by Cypher
//	    has no edge when it goes; where an import takes a vertex away, it becomes an ExternalSymbol
//	    (1.9).
//	S13 The safepoint stays below the prepare timestamp of every transaction that is not resolved,
//	    and nothing commits at or below it.
//
// # Keys
//
// A row key of package graph is followed by layer and version; Split ends the prefix (and what the
// bloom filters hold) before the owner, so that one filter answers "has v any such row":
//
//	    prefix                       suffix
//	N | v16                        | owner8         | layer4 | ^import8
//	D | v16                        | owner8         | layer4 | ^import8
//	O | v16                        | owner8 | part2 | layer4 | ^import8
//	I | v16                        | owner8 | part2 | layer4 | ^import8
//	F | slot2 | owner8             | part2          | layer4 | ^import8
//	X | slot1 | index1 | value 00  | v16 | owner8   | layer4 | ^import8
//	C | v16                        |                | layer4 | ^commit8
//	e | v16                        | dir1 | type 00 | other16 | id16 | layer4 | ^commit8
//	P | v16                        | 0, or dir1 | type1 | other16    | layer4 | ^commit8
//	L | first 17 bytes of the name | rest | 00 | txn16       (no version)
//	T | slot1 | txn16              | key of what is staged   (no version)
//	M | ...                          (no suffix)
//
// The X rows of transactions (owner 0) end in ^commit8, too. Prefixes of one kind have one length,
// or end in the only zero byte of their value. So comparing prefixes and then suffixes is comparing
// bytes, and Split is total: a key that ends early is all prefix (5.7). The version is stored
// inverted: the newest comes first.
//
// # The shard's own rows
//
//	M a             applied: index8 term8
//	M b             base: index8 of the last snapshot persisted or installed (local)
//	M d             descriptor: id, epoch, first and last slot
//	M f             format of everything here
//	M g             GC: safepoint, watermark, pins, the pass under way, what is due
//	M i | import8   import: attempt, numbers seen, seal, outcome
//	M k             physical rows per kind
//	M n             incarnation of the replica (local)
//	M s | slot2     physical rows and digest16 of a slot
//	M t | txn16     a transaction that is prepared here and not resolved: its record
//
// # Transactions
//
//	one phase   judged, written and recorded by one entry of the log; refused for good: recorded
//	prepare     judged; T rows of the rows to be, L rows and T rows of them, T row of the record
//	decide      at the primary: the record says committed or aborted; the commit point
//	resolve     T rows become versions at the commit timestamp, or go; L rows go; the record stays
//
// # Directory
//
//	CURRENT         name of the active store, replaced atomically
//	store-000001/   a Pebble store; others are leftovers of a crash and are removed when opened
package shard
