package cluster

import (
	"encoding/json"

	"github.com/codegraphdb/codegraph/graph"
)

// Result is what a command gives: one of the types of this file.
type Result interface {
	InitResult | OpenResult | CommitResult | ExpireResult | OperatorResult | NoResult
}

// InitResult is the map of the cluster.
type InitResult struct {
	Map Map `json:"map"`
}

// OpenResult is an open import.
type OpenResult struct {
	Import      graph.Timestamp `json:"import"`
	Attempt     uint32          `json:"attempt"`
	Repo        graph.RepoID    `json:"repo"`
	Foreign     []Package       `json:"foreign,omitempty"` // claimed by other repositories
	Base        graph.Timestamp `json:"base"`              // where to read the last revision
	LeaseMillis int64           `json:"lease_ms"`
	Shards      []Descriptor    `json:"shards"` // what has to be sealed
}

// CommitResult is a revision's place in time.
type CommitResult struct {
	Commit graph.Timestamp `json:"commit"`
}

// ExpireResult lists the imports that were aborted.
type ExpireResult struct {
	Aborted []graph.Timestamp `json:"aborted,omitempty"`
}

// OperatorResult is an operator as it is after the command.
type OperatorResult struct {
	Operator Operator `json:"operator"`
}

// NoResult is what commands give that have nothing to tell.
type NoResult struct{}

// DecodeResult decodes the bytes that State.Apply returned for a command.
func DecodeResult[T Result](b []byte) (T, error) {
	var r T
	if err := decodeStrict(b, &r); err != nil {
		return r, graph.Errorf("cluster.DecodeResult", graph.KindCorrupt, "result: %w", err)
	}
	return r, nil
}

func encodeResult(r any) ([]byte, error) { return json.Marshal(r) }
