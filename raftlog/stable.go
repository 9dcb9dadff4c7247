package raftlog

import (
	"bytes"
	"encoding/binary"

	"github.com/codegraphdb/codegraph/graph"
)

// The names under which Raft persists its vote; see persistVote in its source.
var (
	nameVoteTerm = []byte("LastVoteTerm")
	nameVoteCand = []byte("LastVoteCand")
)

// maxRow bounds a stable row: all rows of all groups stand at the beginning of every segment.
const maxRow = 64 << 10

// Set writes a stable value durably. Raft's vote candidate takes the vote's term with it (R3).
func (g *Group) Set(name, val []byte) error {
	const op = "raftlog.Set"
	if len(name)+len(val) > maxRow {
		return graph.Errorf(op, graph.KindLimit, "group %d: a stable row of %d bytes, at most %d",
			g.st.id, len(name)+len(val), maxRow)
	}
	if err := g.begin(op); err != nil {
		return err
	}
	rows := []row{{string(name), bytes.Clone(val)}}
	if bytes.Equal(name, nameVoteCand) {
		if err := g.st.damage(); err != nil { // a damaged replica never votes
			g.end()
			return err
		}
		if g.voteTerm != nil {
			rows = append(rows, row{string(nameVoteTerm), uint64Bytes(*g.voteTerm)})
			g.voteTerm = nil
		}
	}
	return g.putRows(op, rows)
}

// SetUint64 writes a stable number durably, except a vote's term, which waits for its candidate
// (R3). A number that is there already is not written again: Raft rewrites its term at start.
func (g *Group) SetUint64(name []byte, val uint64) error {
	const op = "raftlog.SetUint64"
	if err := g.begin(op); err != nil {
		return err
	}
	if bytes.Equal(name, nameVoteTerm) {
		g.voteTerm = &val
		g.end()
		return nil
	}
	if old := g.row(name); bytes.Equal(old, uint64Bytes(val)) {
		g.end()
		return nil
	}
	return g.putRows(op, []row{{string(name), uint64Bytes(val)}})
}

// putRows writes rows in one record and ends the write that begin began.
func (g *Group) putRows(op string, rows []row) error {
	for i := range rows {
		if rows[i].val == nil {
			rows[i].val = []byte{}
		}
	}
	return g.engine.commit(&request{op: op, rec: stableRecord(g.st.id, rows), end: g.end,
		land: func(*segment, uint32) {
			g.st.mu.Lock()
			defer g.st.mu.Unlock()
			g.st.applyRows(rows)
		}})
}

// row returns a stable value that is on disk, nil if there is none.
func (g *Group) row(name []byte) []byte {
	g.st.mu.RLock()
	defer g.st.mu.RUnlock()
	return g.st.rows[string(name)]
}

// Get returns a stable value, nil if there is none.
func (g *Group) Get(name []byte) ([]byte, error) {
	if err := g.enterRows("raftlog.Get"); err != nil {
		return nil, err
	}
	defer g.engine.leave()
	return bytes.Clone(g.row(name)), nil
}

// GetUint64 returns a stable number, 0 if there is none.
func (g *Group) GetUint64(name []byte) (uint64, error) {
	const op = "raftlog.GetUint64"
	if err := g.enterRows(op); err != nil {
		return 0, err
	}
	defer g.engine.leave()
	val := g.row(name)
	if val == nil {
		return 0, nil
	}
	if len(val) != 8 {
		return 0, graph.Errorf(op, graph.KindInvalid, "group %d: %q has %d bytes, a number has 8",
			g.st.id, name, len(val))
	}
	return binary.BigEndian.Uint64(val), nil
}

// enterRows lets a call read stable rows. A damaged group may have lost one, so it has none.
func (g *Group) enterRows(op string) error {
	if err := g.enter(op); err != nil {
		return err
	}
	if err := g.st.damage(); err != nil {
		g.engine.leave()
		return err
	}
	return nil
}

func uint64Bytes(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
