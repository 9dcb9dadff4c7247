// Package timing holds the time-outs of the groups: how soon a leader that is silent is replaced.
//
// A leader sends a heartbeat every tenth to fifth of the time-out. Package transport sends those of
// all groups in common frames, which makes them cheap: half as many (a longer HeartbeatTimeout for
// leaders, through ReloadConfig) cost 6.6 instead of 7.4 % of a core with 64 groups, and the pauses
// between them would come near the time-outs on a loaded machine.
//
// Invariants:
//
//	T1  The longest pause between two heartbeats, a fifth of Heartbeat and the transport's windows,
//	    is below half of Heartbeat and of Lease: one beat that is late by as much again changes no
//	    leader.
//	T2  A write that does not end is given up before the bar of 5 s for a stalled disk.
package timing
