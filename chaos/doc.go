// Package chaos holds the tests that hurt real processes: it starts codegraphd clusters on this
// machine, kills, stops and starves them under reads and ingests, and checks what was promised.
//
// It has tests only. TestMain builds both programs; CODEGRAPH_BIN names a directory with built ones
// instead. SEED chooses the victims (printed, so that a run can be repeated) and ROUNDS how often
// a node is killed.
//
// What needs root has the build tag chaosroot: TestFullDisk puts each node on a file system of its
// own that fills up; `make chaos-disk` runs it.
//
// A series of revisions of a generated repository carries its own proof. Revision k has the
// packages p000 to p(n(k)-1); each has a marker function whose name holds k, and a function Step
// that no later revision changes. So one search by prefix tells whether a revision is visible as a
// whole: all markers have the same k, and every package has one.
//
// Invariants, checked from what was recorded:
//
//	C1  A revision is visible as a whole or not at all, in every answer.
//	C2  No acknowledged revision is lost: a strong read shows at least the last one that was
//	    acknowledged before it began, and at the end every row of all of them is there.
//	C3  A session never goes backwards.
//	C4  Reads through a client that knows all nodes do not fail; they wait for a failover at most,
//	    and in most rounds not long.
//	C5  An ingest goes on through the loss of a node and ends with exit code 0.
//	C6  In the end all replicas of a shard have the same digest at the same applied index.
//	C7  A fault that did not happen fails the test: a victim that did not lead, a log that was not
//	    truncated, a kill beside no ingest.
//	C8  When the retention of a deleted repository has passed, every replica holds what it held
//	    before that came, in its counters and on its disk.
//
// Each checker is shown histories that it must refuse (check_test.go).
package chaos
