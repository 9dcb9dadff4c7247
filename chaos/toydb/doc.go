// Package toydb is a database of a few hundred lines that runs a workload on virtual time and
// records a history, with one of many bugs planted or none: it shows that the checkers of
// chaos/check find what they are there for, and find nothing in a correct database.
//
//	h, cfg, err := toydb.Run("bank", toydb.Options{Seed: 7, Bug: toydb.ReadSkew})
//	v := check.Run(h, checkers, cfg)
//
// Invariants:
//
//	T1  A run is a function of its options: virtual time, one seeded source, no goroutine.
//	T2  Without a bug the database is a multi-version store with one order of commits. Snapshot reads
//	    lag; answers get lost, and what was asked then happens, never happens, or happens later.
//	T3  A bug changes one thing only; its comment says what real one it stands for.
package toydb
