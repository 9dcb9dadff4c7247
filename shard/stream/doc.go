// Package stream is how the files of a checkpoint travel: as one stream, framed and checked, whose
// size is known before it is made.
//
//	+--------+---------+-----------------------------------------------+----------+---------+
//	| magic8 | count4  | count x ( nameLen2 name size8 content xxhash8 ) | xxhash8  | "END\n" |
//	+--------+---------+-----------------------------------------------+----------+---------+
//
// The checksum after the files covers everything before it. Invariants:
//
//	ST1  What is unpacked is what was packed, or Unpack fails.
//	ST2  A stream is hostile input: names are plain, no more is written than it holds.
package stream
