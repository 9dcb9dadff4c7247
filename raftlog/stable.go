package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// The names under which Raft persists its vote; see persistVote in its source.
var (
	nameVoteTerm = []byte("LastVoteTerm")
	nameVoteCand = []byte("LastVoteCand")
)

// Set writes a stable value durably. Raft's vote candidate takes the vote's term with it (R3).
func (g *Group) Set(name, val []byte) error {
	const op = "raftlog.Set"
	if err := g.begin(op); err != nil {
		return err
	}
	vote := bytes.Equal(name, nameVoteCand)
	if err := g.st.damage(); vote && err != nil { // a damaged replica never votes
		g.end()
		return err
	}
	b := g.engine.db.NewBatch()
	var err error
	if vote && g.voteTerm != nil {
		err = putStable(b, g.st.id, nameVoteTerm, uint64Bytes(*g.voteTerm))
	}
	if err == nil {
		err = putStable(b, g.st.id, name, val)
	}
	if err != nil {
		return g.abort(b, op, err)
	}
	if vote {
		g.voteTerm = nil
	}
	return g.commit(op, b, func() {})
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
	old, err := g.stable(op, name)
	if err != nil {
		g.end()
		return err
	}
	if bytes.Equal(old, uint64Bytes(val)) {
		g.end()
		return nil
	}
	b := g.engine.db.NewBatch()
	if err := putStable(b, g.st.id, name, uint64Bytes(val)); err != nil {
		return g.abort(b, op, err)
	}
	return g.commit(op, b, func() {})
}

// Get returns a stable value, nil if there is none.
func (g *Group) Get(name []byte) ([]byte, error) {
	const op = "raftlog.Get"
	if err := g.enter(op); err != nil {
		return nil, err
	}
	defer g.engine.leave()
	return g.stable(op, name)
}

// GetUint64 returns a stable number, 0 if there is none.
func (g *Group) GetUint64(name []byte) (uint64, error) {
	const op = "raftlog.GetUint64"
	if err := g.enter(op); err != nil {
		return 0, err
	}
	defer g.engine.leave()
	val, err := g.stable(op, name)
	if err != nil || val == nil {
		return 0, err
	}
	if len(val) != 8 {
		return 0, g.engine.damaged(g.st, corrupt(op, "group %d: %q has %d bytes, a number has 8",
			g.st.id, name, len(val)))
	}
	return binary.BigEndian.Uint64(val), nil
}

// stable reads a stable value, nil if there is none. REQUIRES: enter.
func (g *Group) stable(op string, name []byte) ([]byte, error) {
	key := stableKey(g.st.id, name)
	row, closer, err := g.engine.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, g.readFailed(op, err)
	}
	defer closer.Close()
	val, err := decodeStable(key, row)
	if err != nil {
		return nil, g.engine.damaged(g.st, corrupt(op, "group %d: %q: %v", g.st.id, name, err))
	}
	return val, nil
}

func putStable(b *pebble.Batch, group uint64, name, val []byte) error {
	key := stableKey(group, name)
	return b.Set(key, encodeStable(key, val), nil)
}

func uint64Bytes(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
