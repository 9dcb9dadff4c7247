package node

import (
	"time"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/node/oracle"
)

// handOverWithin is how long Raft may take to accept a command; others wait behind it.
const handOverWithin = 2 * time.Second

// metaOracle is the meta group as the oracle sees it.
type metaOracle meta

// Term implements oracle.Log.
func (m *metaOracle) Term() uint64 { return m.leading.Term() }

// Window implements oracle.Log.
func (m *metaOracle) Window() (graph.Timestamp, bool) {
	s := m.state.Snapshot()
	return s.Window(), s.ClusterID() != ""
}

// Append implements oracle.Log.
func (m *metaOracle) Append(command []byte) oracle.Entry {
	p := &metaProposal{settled: make(chan struct{})}
	f := m.raft.Apply(command, handOverWithin)
	go func() { // ends with the group at the latest, if the library does not forget the future
		defer close(p.settled)
		if p.failed = f.Error(); p.failed == nil {
			p.answer = f.Response().(metaAnswer) // of metaMachine.Apply
		}
	}()
	return p
}

// metaProposal is a command on its way through the log. What it became is there once it is settled.
type metaProposal struct {
	settled chan struct{}
	failed  error // Raft did not apply it, or does not know
	answer  metaAnswer
}

// Settled implements oracle.Entry.
func (p *metaProposal) Settled() <-chan struct{} { return p.settled }

// Err implements oracle.Entry.
func (p *metaProposal) Err() error {
	if p.failed != nil {
		return p.failed
	}
	return p.answer.err
}
