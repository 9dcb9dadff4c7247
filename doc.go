// Package codegraph is the Go client of a codegraph cluster: it asks questions and takes revisions
// of repositories in.
//
// A Client may send any request to any node; what concerns one shard it sends to the node that
// leads it. Invariants:
//
//	C1  A read, and every request of an import, is sent again through another node while the error
//	    says that this may help, so the loss of one node fails nothing.
//	C2  A Client never reads backwards: it keeps the highest token that it has seen and sends it
//	    with every read.
//	C3  Rows of a query reach the caller once: a stream is begun again only before its first row.
//	C4  Batches of an import are numbered per shard from 1 without gaps; a batch sent again is the
//	    same bytes. The seal is the last batch of its shard and is sent after all others were
//	    acknowledged.
//	C5  An import holds at most Options.InFlight bytes that are not acknowledged; Put waits.
//	C6  An import whose context ends, or that fails, gives its lock back at once.
//	C7  Routing never makes a request fail: whatever keeps a leader from taking a batch, the batch
//	    goes through a gateway, a node of Options.Addresses, which has the last word.
//	C8  A node that the map or a redirect names gets a batch only if the address is a plain host:port
//	    and the node bears the id that was named; TLS is the same as for Options.Addresses. There
//	    are no more such connections than nodes in the map.
package codegraph
