package shard

import "github.com/codegraphdb/codegraph/graph"

// The kinds of errors this package gives, in results and from calls:
//
//	KindInvalid      the command or request is malformed, or the rows do not belong here
//	KindConflict     evaluated under another term; a lower attempt; after the seal; a gap; of
//	                 transactions: see the reason of the error
//	KindExists       a transaction makes what is there
//	KindNotFound     a transaction changes what is not there
//	KindLimit        a transaction's read set, or what it makes, is too large
//	KindStaleEpoch   evaluated under another descriptor
//	KindUnsupported  a format or command of a newer version
//	KindCorrupt      stored or streamed bytes are not what was written
//	KindUnavailable  the shard is closed, or failed before

// errorf makes an error of this package.
func errorf(op string, kind graph.ErrorKind, format string, args ...any) *graph.Error {
	return graph.Errorf("shard."+op, kind, format, args...)
}

// unsupported is the error about something that another version of the program wrote.
func unsupported(op, what string, got, known byte) *graph.Error {
	err := errorf(op, graph.KindUnsupported, "%s has format %d, this program knows %d", what, got,
		known)
	if got < known {
		return err.WithRemedy("run the version that wrote it, or begin with an empty data " +
			"directory and ingest again")
	}
	return err.WithRemedy("run the version that wrote it, or a newer one")
}
