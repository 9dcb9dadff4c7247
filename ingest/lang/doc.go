// Package lang turns source files into facts: it parses with tree-sitter, collects what files
// define, and resolves what they refer to by the rules of each language.
//
// A language works in two passes. Scan sees every file once and keeps only what others may refer
// to; Link joins that into tables; Resolve sees every file again and writes its facts. Between the
// passes no syntax tree is kept, so memory grows with definitions, not with code.
//
// Invariants:
//
//	L1  The facts of a file depend on the files of the tree alone: not on the order in which they
//	    were scanned, on the number of workers, on a clock or on the machine.
//	L2  A call whose target the rules of the language do not give is an UNRESOLVED_CALL. A name
//	    alone never makes a CALLS edge.
//	L3  After Link the tables are read-only: Resolve runs on many files at once.
//	L4  Recursion is bounded by the depth of the flat tree, which the C walk cuts at maxDepth.
//	L5  A Tree lives until its Parser parses again. What outlives it is copied.
//
// treesitter.c is the only C code: it parses a buffer and lays the syntax tree out flat, so that a
// file costs two crossings of the border to C, not one per vertex of the tree:
//
//	+------+-------+-------+-------+-----+------+
//	| kind | field | flags | start | end | next |   16 bytes, in preorder; children of i are
//	+------+-------+-------+-------+-----+------+   i+1, next(i+1), ... below next(i)
package lang
