// Package raftlog keeps what Raft must not forget: the log, stable and snapshot stores of all
// groups of a node.
//
// All data groups of a disk share one Pebble log engine (Engine), so that one fsync serves the
// appends of many groups. A Group is one group's handle on it. Snapshots keeps the snapshot
// metadata of one group; the state itself stays in the shard's own Pebble. MetaLog is the
// raft-boltdb store of the meta group behind the same rules. The package knows Raft's storage
// interfaces and nothing of shards, networks or commands.
//
// Invariants:
//
//	R1   A write that was acknowledged is fsynced: log entries, terms, votes, truncations,
//	     snapshot metadata. Nothing is acknowledged from memory.
//	R2   One StoreLogs is one atomic batch. If its first index is at or below the last one, the
//	     old suffix goes in the same batch; if it leaves a gap, the group's whole log goes in the
//	     same batch (a snapshot was installed). So the indexes of a group have no holes and no
//	     stale suffix ever stays behind newer entries.
//	R3   Vote term and vote candidate become durable together. Raft writes them one after the
//	     other; the term is held back in the handle and committed with the candidate in one
//	     batch, so that no crash pairs a new term with the candidate of an older one. Until then
//	     a read gives the old pair. CurrentTerm is never held back: Raft answers on its strength.
//	R4   Every row carries a format byte and a CRC-32C over its key and value. A row that does not
//	     verify is never returned; the group's votes and appends are refused from then on.
//	R5   After a store error, in a call or in the background, or a missed write deadline the engine
//	     is dead: every later call fails and OnFatal is called once. The write that was late may
//	     still land, but nobody appends behind it.
//	R6   A handle is fenced by a generation. Opening a group again, Close and Destroy revoke the
//	     older handle; they return when its write in flight has ended.
//	R7   First and last index in memory are those on disk, except that a truncation shrinks them
//	     before it is committed: a reader never takes a truncated entry for a hole.
//	R8   Truncation of a prefix keeps RetainBytes of trailing entries and, up to PinBytes, all that
//	     somebody who is being sent a snapshot will need next. A suffix is cut exactly.
//	R9   A snapshot is listed only when its metadata is durable; a received one only when its bytes
//	     are too. An older snapshot goes only after a newer one is in the state (Installed, or
//	     taken here).
//	R10  A snapshot taken here never travels as metadata: it is sent as a stream that
//	     SnapshotSource makes, whose state may be newer than the metadata, never older.
//
// Keys of the engine (all integers big-endian):
//
//	'L' | group 8 | index 8      log entry
//	'S' | group 8 | name         stable row: CurrentTerm, LastVoteTerm, LastVoteCand, the node's
//	'M' | name                   the engine's own: "format"
//	'C' , 'T'                    reserved: commit index of a group, tombstone of a replica
//
// A log entry:
//
//	0        1      2        6       14           22            30       34
//	| format | type | crc32c | term  | cumulative | appended at | extlen | ext ... | data ...
//
// cumulative counts the bytes of the group's log through this entry, so that the bytes between
// any two entries are one subtraction: LogBytes is known at open without a scan. A stable row:
//
//	| format 1 | crc32c 4 | value ... |
//
// A directory of snapshots, one group:
//
//	<term>-<index>-<seq>.meta    "codegraph-snapshot 1 <crc32c>\n" and one JSON object
//	<term>-<index>-<seq>.state   only for a received snapshot that is not installed yet:
//	                             the stream | "CGSN" | format 4 | crc32c 4 | length 8
//	*.tmp                        unfinished, removed at open
//
// Locks: groupState.write (a token) is taken before Engine.ops, and that before groupState.mu.
package raftlog
