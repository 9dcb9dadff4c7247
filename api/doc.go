// Package api holds the wire contracts (the .proto files below it and the code generated from them)
// and the one mapping between graph.ErrorKind and gRPC status codes.
//
// Invariants:
//
//	A1  Status and FromStatus are inverse for the kind, the message and the remedy of an error.
//	A2  An error that is not a graph.Error becomes codes.Unknown; its text is kept.
package api
