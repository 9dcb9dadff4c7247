// Package datadir is the directory that a node's data lives in: who holds it, whose it is, where
// things are in it, and whether its disk has room.
//
// Invariants:
//
//	D1  One process at a time: the lock is the kernel's and goes with the process.
//	D2  The identity is written before anything depends on it, and replaced atomically.
//	D3  A directory of another cluster, of another format, or that lost one of its stores is refused.
//	D4  Below the floor of free space Check fails; nothing that frees space asks it.
//	D5  When next to nothing is left the ballast is given back, at the start before any store opens.
package datadir
