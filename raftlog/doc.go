// Package raftlog keeps what Raft must not forget: the log, stable and snapshot stores of all
// groups of a node.
//
// All data groups of a disk share one log (Engine): one writer, one write and one fsync for all
// appends that wait. A Group is one group's handle on it. Snapshots keeps the snapshot metadata
// of one group; the state itself stays in the shard's own Pebble. MetaLog is the raft-boltdb
// store of the meta group behind the same rules. The package knows Raft's storage interfaces and
// nothing of shards, networks or commands.
//
// Invariants:
//
//	R1   A write that was acknowledged is fsynced: log entries, terms, votes, truncations,
//	     snapshot metadata. Nothing is acknowledged from memory.
//	R2   One StoreLogs is one record, there or not. If its first index is at or below the last
//	     one, it replaces the old suffix; if it leaves a gap, it replaces the group's whole log (a
//	     snapshot was installed). So the indexes of a group have no holes and no stale suffix ever
//	     stays behind newer entries.
//	R3   Vote term and vote candidate become durable together. Raft writes them one after the
//	     other; the term is held back in the handle and written with the candidate in one
//	     record, so that no crash pairs a new term with the candidate of an older one. Until then
//	     a read gives the old pair. CurrentTerm is never held back: Raft answers on its strength.
//	R4   What does not verify is never returned, and its group's votes and appends are refused
//	     from then on; a checkpoint remembers that. A round is written only when the one before
//	     it is synced, so a bad round with a good one behind it is damage, and one at the very end
//	     is a write that nobody was told of: it is cut off, counted and logged. Damage of a body
//	     hits its group; of a header, Open refuses the log.
//	R5   After an I/O error or a missed write deadline the engine is dead: every later call fails and
//	     OnFatal is called once. The write that was late may still land, but nobody appends
//	     behind it. A full disk is no I/O error as long as it is noticed before anything is
//	     written: appends are refused (ErrDiskFull), while terms, votes and truncations take
//	     what is reserved, and segments that a truncation freed are written over in place.
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
//	R11  A segment is written over only when a synced release says that recovery begins behind
//	     it: no entry in it is needed, and every segment begins with all stable rows and bounds.
//	     No record verifies anywhere but in the segment and at the offset it was written to.
//	R12  The writer alone changes what a group has on disk, in the order of the log, by the same
//	     functions that recovery uses.
//
// The engine's directory holds LOCK and files NNNNNN.seg. A file is created with its full room,
// written over with zeros before its turn where there is time for it, and used again and again:
// overwriting syncs at twice the rate of growing. Its name means nothing; its header says which
// segment of the log it is now. All integers are big-endian, bodies are padded to 8 bytes with
// zeros, a crc covers what follows it unless said otherwise.
//
//	segment   0           4096
//	          | header ...| round | round | ... | what was there before
//	header    | "CGRL" | crc 4 | format 4 | segment 4 | size 8 |
//	round     | "CGRD" | crc 4 (of the rest of these 32 bytes) | segment 4 | offset 4 |
//	          | sequence 8 | records 4 | length of them 4 | record | record | ...
//	record    | crc 4 | crc of body 4 | length of body 4 | type 1 | 0 3 | group 8 | body |
//	          the first is of segment 4, offset 4 and the rest of these 24 bytes
//
// Bodies by type:
//
//	1 append      | commit index 8 | entry | entry | ...
//	2 bounds      | first 8 | last 8 |            what a truncation left, 0 0 for nothing
//	3 stable      | rows |                        CurrentTerm, LastVoteTerm, the node's, ...
//	4 destroy     nothing of the group is left
//	5 rewrite     | entry | entry | ...           from the oldest segment, so that it can go
//	6 state       | damaged 8 | first 8 | last 8 | commit index 8 | rows |
//	7 checkpoint  | oldest segment 4 | end of the segment before 4 | state records 4 | 0 4 |
//	8 release     | oldest segment 4 | 0 4 |
//
//	rows          | count 4 | length of name 4 | of value 4 | name | value | ...
//	entry         | crc 4 | ext + data 4 | ext 4 | type 1 | 0 3 | index 8 | term 8 |
//	              | appended at 8 | ext ... | data ... |   the crc is of group 8 and the rest
//
// A segment's first round is its checkpoint and a state record for every group. Recovery reads
// the newest segment to learn the oldest that is needed, then applies all from there on.
//
// A directory of snapshots, one group:
//
//	<term>-<index>-<seq>.meta    "codegraph-snapshot 1 <crc32c>\n" and one JSON object
//	<term>-<index>-<seq>.state   only for a received snapshot that is not installed yet:
//	                             the stream | "CGSN" | format 4 | crc32c 4 | length 8
//	*.tmp                        unfinished, removed at open
//
// Locks: groupState.write (a token) is taken before Engine.ops, that before Engine.mu, that before
// groupState.mu, that before segments.mu. The writer holds none while it writes.
package raftlog
