// Package nemesis breaks the nodes of a rig, one fault after the other, and measures what each has
// done.
//
//	n, err := nemesis.New("kill", rig, rng)
//	f, err := n.Next(ctx)             // chooses a variant and its targets
//	err = f.Begin(ctx)                // it is in effect when this returns
//	effect, note, err := f.End(ctx)   // it is healed when this returns
//
// Invariants:
//
//	NM1  Which faults come, in which order and on which nodes, is a function of the seed and of who
//	     leads at that moment.
//	NM2  The variants of a nemesis take turns, so that a short run has each.
//	NM3  An effect is measured, never assumed: exit codes, stopped threads, counters of dropped
//	     packets, bytes that are gone, a write that hung or was refused.
//	NM4  After End nothing of the fault is left but what the nodes have to recover from.
package nemesis
