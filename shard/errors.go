package shard

import "github.com/codegraphdb/codegraph/graph"

// The kinds of errors this package gives, in results and from calls:
//
//	KindInvalid      the command or request is malformed, or the rows do not belong here
//	KindConflict     evaluated under another term; a lower attempt; after the seal; a gap
//	KindStaleEpoch   evaluated under another descriptor
//	KindUnsupported  a format or command of a newer version
//	KindCorrupt      stored or streamed bytes are not what was written
//	KindUnavailable  the shard is closed, or failed before

// errorf makes an error of this package.
func errorf(op string, kind graph.ErrorKind, format string, args ...any) *graph.Error {
	return graph.Errorf("shard."+op, kind, format, args...)
}

// unsupported is the error about something that a newer program wrote.
func unsupported(op, what string, got, known byte) *graph.Error {
	return errorf(op, graph.KindUnsupported, "%s has format %d, this program knows %d", what, got,
		known).WithRemedy("run the version that wrote it, or a newer one")
}
