package check

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// The kinds of operations, with their values: what goes in -> what comes out.
const (
	RegisterRead  = "register.read"  // -> number or null
	RegisterWrite = "register.write" // number
	RegisterCAS   = "register.cas"   // CAS -> true if it swapped

	SetAdd  = "set.add"  // number
	SetRead = "set.read" // -> list of numbers

	BankRead     = "bank.read"     // -> account: balance
	BankTransfer = "bank.transfer" // Transfer

	EdgeAdd    = "edge.add"    // key "u>v"
	EdgeRemove = "edge.remove" // key "u>v"
	EdgeRead   = "edge.read"   // key "u>v" -> EdgeHalf pair
	EdgeCount  = "edge.count"  // key "u", or empty for all edges -> Counts

	FileReplaced = "file.replace" // FileVersion
	FileRead     = "file.read"    // -> FileRows

	RevisionPublish = "revision.publish" // Revision
	RevisionRead    = "revision.read"    // list of files, or nothing for all -> RevisionFiles
	RevisionWalk    = "revision.walk"    // WalkFrom -> WalkReached

	SessionWrite = "session.write" // version of the key, rising
	SessionRead  = "session.read"  // -> version, 0 for none

	UpsertPut    = "upsert.put"    // -> id of the vertex
	UpsertDelete = "upsert.delete" //
	UpsertRead   = "upsert.read"   // -> list of ids

	Probe = "probe" // key: the shard; sent by a fixed schedule (Due)
)

// CAS is the input of RegisterCAS.
type CAS struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Transfer is the input of BankTransfer.
type Transfer struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

// EdgePair is the output of EdgeRead: the id of the EdgeAdd that made each half; empty for no half.
type EdgePair struct {
	Out string `json:"out"`
	In  string `json:"in"`
}

// Counts is a stored counter and the recount by a scan, both of one view.
type Counts struct {
	Stored  int64 `json:"stored"`
	Scanned int64 `json:"scanned"`
}

// FileVersion is the input of FileReplaced: how many rows the new version gives.
type FileVersion struct {
	Rows int64 `json:"rows"`
}

// FileRows is the output of FileRead: how many rows each replace is seen to have given, by its
// operation id, and what the stored counter says.
type FileRows struct {
	Rows   map[string]int64 `json:"rows"`
	Stored int64            `json:"stored"`
}

// Revision is the input of RevisionPublish: the files it changes, each with a version that no other
// revision gives (empty: the file goes), and whom the new versions call. Rev is the order in which
// revisions commit: after an unknown outcome the publisher goes on only when that one can no
// longer commit behind the next one, as the repository's lock sees to.
type Revision struct {
	Rev   int                 `json:"rev"`
	Files map[string]string   `json:"files"`
	Calls map[string][]string `json:"calls,omitempty"`
}

// RevisionFiles is the output of RevisionRead: version by file, and the revision that the answer
// says it shows, if it says one.
type RevisionFiles struct {
	Rev   *int              `json:"rev,omitempty"`
	Files map[string]string `json:"files"`
}

// WalkFrom is the input of RevisionWalk.
type WalkFrom struct {
	Start string `json:"start"`
	Hops  int    `json:"hops"`
}

// WalkReached is the output of RevisionWalk: every file within that many calls of the start, the
// start included, at the revision that the answer names.
type WalkReached struct {
	Rev     int      `json:"rev"`
	Reached []string `json:"reached"`
}

// Halves is the value of history.SeenHalves: for one shard, one peer shard and one direction, an
// order-free sum of edge halves in each bucket that is not empty. Out is what the shard holds of
// edges to the peer, In what it holds of edges from the peer.
type Halves struct {
	Peer uint64            `json:"peer"`
	Out  map[string]string `json:"out,omitempty"`
	In   map[string]string `json:"in,omitempty"`
}

// The states of a history.SeenJob.
const (
	JobRunning    = "running"
	JobDone       = "done"
	JobRolledBack = "rolled back"
)

// decode reads a value strictly; no value at all is an error.
func decode[T any](raw json.RawMessage) (T, error) {
	var v T
	if len(raw) == 0 {
		return v, errors.New("there is no value")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return v, dec.Decode(&v)
}

// input reads what o was asked; if it cannot be read, the checker cannot know.
func input[T any](f *finding, o *history.Op) (T, bool) {
	v, err := decode[T](o.Input)
	if err != nil {
		f.unsure("input of %s on line %d: %v", o.Kind, o.Index, err)
	}
	return v, err == nil
}

// output reads what o answered.
func output[T any](f *finding, o *history.Op) (T, bool) {
	v, err := decode[T](o.Output)
	if err != nil {
		f.unsure("answer of %s on line %d: %v", o.Kind, o.Index, err)
	}
	return v, err == nil
}
