package toydb

// Bug is one planted mistake.
type Bug string

// The bugs, each with the real one that it stands for.
const (
	None         Bug = ""
	StaleRead    Bug = "stale read"       // a deposed leader goes on to serve strong reads
	LostWrite    Bug = "lost write"       // acknowledged before a quorum has it
	FalseFail    Bug = "false fail"       // the client calls a time-out a failure
	BlindCAS     Bug = "blind cas"        // two leaders compare against what each has
	ReadSkew     Bug = "read skew"        // a moved shard serves an older timestamp
	LostUpdate   Bug = "lost update"      // a transfer is tried again with old reads
	HalfCommit   Bug = "half commit"      // the coordinator forgets; one shard commits
	MissingRow   Bug = "missing row"      // a moved shard serves before it has all rows
	HalfEdge     Bug = "half edge"        // the reverse half is dropped
	LostHalf     Bug = "lost half"        // the same, seen only by the shards' sums
	Drift        Bug = "counter drift"    // a counter is updated outside the batch
	Ghost        Bug = "ghost"            // a replace leaves an old row on another shard
	HalfRevision Bug = "half revision"    // the revision is shown before its last shard is ready
	LongFork     Bug = "long fork"        // two replicas apply two revisions' parts in two orders
	TornWalk     Bug = "torn walk"        // each hop reads at a timestamp of its own
	WrongAsOf    Bug = "wrong revision"   // the trailer names another revision than it shows
	NoFloor      Bug = "no floor"         // a follower ignores the session's token
	TwoIDs       Bug = "two ids"          // racing upserts of one key make two vertices
	DeadIndex    Bug = "dead index"       // a delete leaves the index entry
	AppliedTwice Bug = "applied twice"    // no deduplication of a retry
	Diverge      Bug = "diverge"          // Apply depends on the order of a map
	Wedged       Bug = "wedged"           // a shard serves nothing after the heal
	StuckJob     Bug = "stuck job"        // a move neither ends nor rolls back
	Overdue      Bug = "overdue"          // a request outlives its deadline
	Panics       Bug = "panic"            // a node's log has a panic
	Idle         Bug = "idle"             // the harness sends next to nothing
	NeverOK      Bug = "never ok"         // one kind of operation fails always
	NoEffect     Bug = "no effect"        // the fault injector does nothing
	CutOff       Bug = "cut off"          // the harness died before the end
	LongOutage   Bug = "long outage"      // a failover takes far too long
	Dropped      Bug = "dropped clean-up" // the nemesis never heals
)

// Bugs returns all bugs.
func Bugs() []Bug {
	return []Bug{StaleRead, LostWrite, FalseFail, BlindCAS, ReadSkew, LostUpdate, HalfCommit,
		MissingRow, HalfEdge, LostHalf, Drift, Ghost, HalfRevision, LongFork, TornWalk, WrongAsOf,
		NoFloor, TwoIDs, DeadIndex, AppliedTwice, Diverge, Wedged, StuckJob, Overdue, Panics,
		Idle, NeverOK, NoEffect, CutOff, LongOutage, Dropped}
}
