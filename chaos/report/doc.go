// Package report turns a history and its verdict into files that a person can read:
//
//	report.Write(dir, h, &v)                          // into the directory of the run
//	report.Merge("chaos/RESULTS.md", verdicts)        // the matrix of all cells
//
// Write leaves verdict.json (all results, with seed, commit, configuration and fault effects),
// timeline.html (a bar for each operation, bands for faults, the first problem marked), latency.svg
// and rate.svg (with the same bands) and what checkers add, such as Porcupine's picture.
//
// Invariants:
//
//	R1  Every page stands alone: no script, style or image from elsewhere.
//	R2  Whatever a page leaves out, it says so and how much.
//	R3  Merge replaces the rows of the cells and commits that it is given and keeps all others; a
//	    cell is as good as its worst run.
package report
