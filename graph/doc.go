// Package graph is the model of codegraph: vertices, edges, symbol keys, identities, timestamps,
// the rows that a shard stores, the questions that a view answers, and the kinds of errors.
//
// It does no input or output, holds no clock and no randomness, and depends on nothing of ours.
//
// Invariants:
//
//	G1  A vertex id is a pure function of the symbol key's text: 16 bits of slot, then 112 bits of
//	    SHA-256 of the key. Nobody allocates ids and there is no list of collisions.
//	G2  The slot is a pure function of the key's text (PartitionSlot), so that a key can be routed
//	    without a look-up.
//	G3  Every row key that belongs to a slot carries the slot's bits right after its kind byte, so
//	    that a range of slots is a set of key ranges.
//	G4  Every ingest row ends in the owner that gave it; deleting an owner removes exactly its rows.
//	G5  Encoding is deterministic: equal facts give equal bytes, whatever the order they came in.
//	G6  A decoder never panics on hostile bytes and never allocates more than the input justifies.
//	G7  The lowest bit of a timestamp is 1 for an import id and 0 for a commit timestamp.
//	G8  The key of a vertex says who writes it: transactions those of manager cypher, imports all
//	    others. The kind of a row says the same (1.1).
//	G9  What a transaction locks follows from its operations alone, never from what is stored.
package graph
