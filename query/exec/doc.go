// Package exec runs query plans, and does the reading for every question: vertices and edges in
// batches, counted against the bounds of the question.
//
// Invariants:
//
//	X1  Everything read goes through a Reader, which counts vertices, edges and memory and fails
//	    with an error of kind limit, deadline or canceled when a bound is met.
//	X2  A step takes and gives batches of up to 1,024 rows; the edges of a batch are one request.
//	X3  Ids first: properties are fetched where an expression needs them, in batches, and may be
//	    dropped at any time to save memory.
//	X4  Equal plans on equal snapshots give equal rows in equal order.
package exec
