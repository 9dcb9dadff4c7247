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
//
// What Cypher means here, where it leaves a choice:
//
//   - A vertex has one label, its kind; Callable, Symbol and Type stand for several in patterns.
//     Unknown labels, edge types and properties are errors: the schema is fixed.
//   - * and *m.. go up to plan.DefaultMaxHops edges. No edge is taken twice in one MATCH.
//   - An isolated (n) without label means what is ingested. Vertices that are only pointed at are
//     found by following edges, by key, and by the labels ExternalSymbol and UnresolvedRef. No
//     index has them: a name alone finds them from the other end of an edge only, so a label on
//     the target of an edge, (f)-[:CALLS]->(g:Callable {name: 'x'}), makes a scan a look-up.
//   - The places of an edge, r.line too, are read from the side of its source.
//   - CALL, writes, PROFILE and UNION within subqueries are refused by name.
package query
