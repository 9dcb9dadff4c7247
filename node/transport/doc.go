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
// The control lane gathers what comes within BatchWindow of the last frame into one frame, so
// the packets of a node pair do not grow with the number of groups; votes and TimeoutNow do not
// wait. The log lane sends at once whatever is queued.
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
//
// A group transport must be closed before or together with raft.Raft.Shutdown: the library waits
// for its outstanding calls first and closes the transport last.
package transport
