// Package python reads Python. Names are followed through imports, star imports and relative
// imports; receivers through self, annotations, constructors and what functions return. What that
// does not give stays unresolved.
//
// Invariants:
//
//	Y1  A CALLS edge to something of the tree is made through names that lead to one definition, or
//	    through a receiver whose class is known. Redefinition at run time is not looked for.
//	Y2  Nested functions have no vertex: what they do belongs to the function around them.
//	Y3  After Link the tables are read-only; annotations are evaluated each time, with bounded depth.
package python
