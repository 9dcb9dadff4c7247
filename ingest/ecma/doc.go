// Package ecma reads JavaScript, TypeScript and TSX. Names are followed through imports and
// re-exports of all forms, workspaces and the paths of tsconfig.json; receivers through this,
// annotations, constructors, initialisers and what functions return.
//
// Invariants:
//
//	J1  A CALLS edge to something of the tree is made through names that lead to one definition, or
//	    through a receiver whose class, interface or object is known.
//	J2  Functions inside of functions have no vertex: what they do belongs to the function around
//	    them, and at the top level to the variable that holds them, or to the file.
//	J3  Declarations of one name merge (overloads, interface parts, class and namespace): one key.
//	J4  After Link the tables are read-only; types are evaluated each time, with bounded depth.
package ecma
