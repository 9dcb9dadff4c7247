// Package oracle runs the timestamp oracle beside this node's replica of the meta group: it keeps
// the window in the log, draws the timestamps of commands as they are proposed, and grants others.
//
// Invariants:
//
//	K1  Among commands that carry a timestamp, the order in the log is the order of timestamps: both
//	    are drawn and handed over under one lock, and a command of another term is refused by Apply.
//	K2  When Grant returns R, it is settled for every command drawn below R whether it applies. A
//	    leader that is confirmed after that, in the same term, has applied all of them that do.
//
// txn.Oracle decides what is granted; this package has the clocks, the lock and the goroutine.
package oracle
