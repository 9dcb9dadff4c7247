// Package transport carries the Raft traffic of all groups of a process over gRPC, one
// connection per lane and node pair.
//
//	group 1  group 2 ... group n            one GroupTransport each (a raft.Transport)
//	    \       |       /
//	     Transport (one per process)
//	    /       |       \
//	control    log     bulk                 one HTTP/2 connection each, per peer node
//	heartbeat  Append- Install-
//	vote       Entries Snapshot
//	TimeoutNow
//
// A lane is a bidirectional stream. The caller's side of it:
//
//	call -> outbox (bounded) -> frame -> stream ----> peer: one goroutine per call
//	                                                    | Consumer() of the group
//	call <- matched by request id <---- stream <- frame <- outbox
//
// Heartbeats that nobody waits for leave at ticks, BeatWindow apart and the same for all peers, and
// the answers to a frame come back as one; so neither the packets of a node pair nor the times
// that a process wakes up grow with the number of groups. Votes, TimeoutNow, appends, heartbeats
// with news and those that a read waits for leave at once.
//
// When the process of a peer dies, the kernel ends its connections and refuses new ones. A follower
// that sees both asks the other voters whether they see it, too, and campaigns at once. Silence is
// left to the time-outs of Raft.
//
// Invariants:
//
//  1. ServerID = ServerAddress = `<node uuid>/<replica incarnation>`. A call is delivered only to
//     the open group transport whose id equals the call's target, and only if the caller's
//     replica lives on the node that opened the stream; anything else is answered with an
//     error. A wiped disk comes back under another incarnation and never votes as the old one.
//  2. Addresses never reach Raft: Options.Resolve turns a node uuid into an address at each
//     connect, and a hello with cluster id and both node uuids must match on both ends before
//     the first call.
//  3. Every call goes through Consumer(). SetHeartbeatHandler is ignored: the library's heartbeat
//     fast path races its main loop (hashicorp/raft issue 695). There is no pipelining.
//  4. Every call has a deadline on both ends; the callee withdraws a call that Raft has not taken
//     when the deadline passes, so a late call is never delivered.
//  5. No peer waits for another: a queue per lane and peer, bounded in calls and bytes; when it is
//     full the call fails at once. When a stream breaks, its calls fail at once.
//  6. A confirmation (ConfirmedSince) carries the time at which the frame of the call left, taken
//     before the bytes went out, and is recorded only for a success of the same term: the peer
//     accepted this leader at some time later than it.
//  7. An AppendEntries is cut to MaxAppendBytes (never below one entry) by shortening the
//     caller's Entries, from which Raft takes how far it got.
//  8. A snapshot is delivered only with exactly the announced number of bytes.
//  9. A heartbeat of term t carries min(c, m) as commit index. c is the group's commit index, read
//     before its term was seen to be t still: so it was known no later than in t, and the leader
//     of t has all entries up to c. m is the last entry that the peer acknowledged in t: up to
//     there its log is that leader's, as long as it is in t, and in a later term it refuses
//     the heartbeat. A peer whose log may differ, or of which nothing is known in t, is told 0.
//  10. An append without entries does not travel if the peer acknowledged its previous entry and
//     its commit index in the same term and answered a call that left less than stillThere ago. It
//     confirms nothing (6); the library's lease may take it for an answer, and lasts that much
//     longer.
//  11. A replica campaigns without a time-out only if its leader's node refuses connections, and as
//     many other voters as make a majority with it find that themselves, follow no other leader
//     and have no entry more. One broken path between two nodes replaces nobody.
//
// A group transport must be closed before or together with raft.Raft.Shutdown: the library waits
// for its outstanding calls first and closes the transport last.
package transport
