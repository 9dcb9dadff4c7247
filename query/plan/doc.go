// Package plan binds the names of a parsed query and chooses the order of work. It reads nothing: a
// plan depends on the text of the query alone, so that EXPLAIN shows what would run.
//
// Invariants:
//
//	L1  A plan that was made has no unknown name: variables, labels, edge types, properties and
//	    functions were looked up, and what is not supported was refused with its place.
//	L2  Equal texts give equal plans.
//	L3  A filter stands right after the first step that binds all it needs.
//	L4  Every variable has a slot of its own in the row of its part; slots are not used twice.
package plan
