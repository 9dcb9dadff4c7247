// Package txn is time and transactions: the timestamp oracle, the closed timestamp of a shard, the
// writes that strong reads wait for, the coordinator of a transaction across shards, and what to do
// about a lock that is met.
//
// All of it is pure: no clock, no random number, no goroutine, no network, no storage. The caller
// passes time and messages in and carries out what comes back, under a lock of its own.
//
// Invariants:
//
//	T1  A timestamp is granted once, by the leader of the meta group, above every one granted
//	    before, over any change of leader or crash: what may be granted is bounded by a window that
//	    is in the group's log first, and a new leader begins above it.
//	T2  The physical part of what is granted runs at most at twice the monotonic clock (rule 6.6).
//	T3  A closed timestamp (T, index) is published only if no write of the shard commits at or below
//	    T behind index in its log, under this leader or any later one (rule 1.7).
//	T4  A write whose commit timestamp is at or below a T already taken asks for another.
//	T5  The commit timestamp of a transaction is asked for when all participants have prepared, so
//	    it is above every prepare timestamp and above every read that passed before a prepare.
//	T6  The record on the primary is the outcome: commit and abort alike are decided there, once,
//	    and never change. Nobody answers, resolves or frees a lock on anything but that record.
//	T7  Whoever is told an outcome is told the record's; asking again with the same id gives the
//	    same.
//	T8  Losing a coordinator, at any step, loses no outcome and leaves no lock for good: whoever
//	    meets the lock asks the primary, and aborts there what nobody has decided when its TTL has
//	    lapsed.
//
// What T3 to T8 take from a participant, which is a shard (its Apply decides, from its rows alone):
//
//	one phase  checks, writes and record are one entry. A conflict is an outcome: it is recorded as
//	           aborted, so that a request that comes twice does not take effect after a refusal.
//	prepare    checks since start, then stages writes and locks. The leader takes the prepare
//	           timestamp from the oracle, after its latch and in its own term, above its closed
//	           timestamps. A read that is validated holds a shared lock until it is resolved, else
//	           two transactions could each change what the other has read. The primary makes the
//	           record, pending; where there is a record already, that is the answer.
//	decide     on the primary. A commit needs the record to be pending, an abort writes it if there
//	           is none. Where it is decided, that is the answer, whatever was asked for.
//	resolve    moves what is staged into the versions at the record's timestamp, or drops it, and
//	           frees the locks. Without anything staged it does nothing.
//
// The order of a transaction across shards, Percolator's:
//
//	prepare all -> all acknowledged -> commit timestamp -> decide at primary -> answer -> resolve all
package txn
