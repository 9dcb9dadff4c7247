// Package query answers questions about one snapshot of the graph: Cypher, and typed calls for what
// is asked most. It declares the Source it reads from and knows nothing of shards or networks.
//
// Parts: query/parse turns text into a tree, query/plan binds names and chooses the order of work,
// query/exec runs plans and does the reading, this package offers it all as methods of Env.
//
// Invariants:
//
//	Q1  Bounds always hold: deadline, rows, edges visited, memory. A bound that is met ends the
//	    call in an error of kind limit or deadline that names it, or, with AllowPartial, in an
//	    answer with a gap that is marked partial.
//	Q2  An answer ends in a Trailer. Complete means that there is no gap; a gap is never left out.
//	Q3  Equal calls on equal snapshots give equal answers in equal order.
//	Q4  A vertex counts once, however many owners describe it; an edge counts once.
//	Q5  Nothing is read per row: vertices and edges are asked for in batches of up to 1,024.
//	Q6  A name that means several symbols is an error that lists them, never a guess.
package query
