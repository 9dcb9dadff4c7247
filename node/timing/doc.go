// Package timing holds the time-outs of the groups: how soon a dead leader is replaced, and what it
// costs to watch the living ones.
//
// The library knows one HeartbeatTimeout: a follower campaigns when it has heard nothing for so
// long, and a leader sends a heartbeat every tenth to fifth of it. Ten messages per time-out, group
// and follower are more than a silent peer needs to be noticed, so a leader runs with a longer one.
//
// Invariants:
//
//	T1  A replica that does not lead waits Heartbeat to 2x Heartbeat for its leader. Lead is called
//	    when it has become leader and Follow when it no longer is, in that order.
//	T2  The longest pause between two heartbeats, Beat/5 and the transport's windows, is below 2/3
//	    of Heartbeat and of Lease: one beat that is late by a third of them changes no leader.
package timing
