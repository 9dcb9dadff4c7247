// Package golang reads Go. It types expressions by Go's rules as far as calls need it: packages,
// scopes, embedding, generics, and the results of functions. What depends on packages outside of
// the tree stays a key (pkg.Func) or unresolved.
//
// Invariants:
//
//	O1  A CALLS edge to something of the tree is what the compiler would call, or the interface
//	    method that it would call through. Function values make CALL_REFERENCE edges instead.
//	O2  Where several files define one name (build tags), the file that builds on the reference
//	    platform gives its type; every file gives its vertex.
//	O3  After Link nothing that a goType reaches is written any more.
package golang
