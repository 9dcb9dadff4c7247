// Package ingest turns a directory of source files into facts: it finds the files, has package lang
// read them, and hands what every file says to a Sink.
//
// Discover looks at the tree: its name, revision, packages and files. Run reads the files twice:
// once to learn what is defined, once to resolve what is referred to. Between the two, file
// contents are kept (in memory up to a budget, then in a temporary file), so that both passes see
// the same bytes even if somebody edits the tree meanwhile.
//
// Invariants:
//
//	N1  No file outside of the root is read; symbolic links are recorded, never followed.
//	N2  Every file of the tree that is not ignored has facts, also one that could not be read: then
//	    they say why. One bad file never ends a run.
//	N3  Facts depend on the bytes of the tree alone: not on workers, order, clock or machine. A list
//	    of files from git and one from walking the directory are equal in effect.
//	N4  Memory holds the tables of definitions, one file per worker, and contents up to the budget.
//	N5  A Sink that blocks stops the run; an error of the Sink or of the context ends it.
package ingest
