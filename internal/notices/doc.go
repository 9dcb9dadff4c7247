// Command notices writes THIRD_PARTY_NOTICES: every module whose code is linked into the named
// commands, with its version and licence texts. Invariants:
//
//	N1  The list is what `go list -deps` links on linux/amd64 with cgo, not what go.mod names.
//	N2  The output depends on go.mod and the code alone: no clock, no path, no host.
//	N3  A linked module without a licence text is an error, never a gap.
package main
