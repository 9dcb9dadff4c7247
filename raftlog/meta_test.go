package raftlog

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
)

func TestMetaLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	m, err := OpenMeta(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	store(t, m, entries(1, 9, 1))
	err = errors.Join(
		m.DeleteRange(1, 3),
		m.SetUint64([]byte("CurrentTerm"), 4),
		m.SetUint64([]byte("LastVoteTerm"), 4),
		m.Set([]byte("LastVoteCand"), []byte("a")),
		m.SetUint64([]byte("LastVoteTerm"), 5), // the candidate never comes
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.StoreLog(entries(10, 10, 1)[0]); !errors.Is(err, ErrClosed) {
		t.Errorf("StoreLog after Close = %v", err)
	}
	m, err = OpenMeta(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	first, err1 := m.FirstIndex()
	last, err2 := m.LastIndex()
	term, err3 := m.GetUint64([]byte("LastVoteTerm"))
	cand, err4 := m.Get([]byte("LastVoteCand"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if first != 4 || last != 9 || term != 4 || string(cand) != "a" {
		t.Errorf("log %d..%d, vote %d %q", first, last, term, cand)
	}
	var l raft.Log
	if err := m.GetLog(3, &l); err != raft.ErrLogNotFound {
		t.Errorf("GetLog of a deleted entry = %v", err)
	}
	if err := m.GetLog(5, &l); err != nil || string(l.Data) != "entry 5 of term 1" {
		t.Errorf("GetLog = %q, %v", l.Data, err)
	}
	if _, err := m.Get([]byte("absent")); err == nil || err.Error() != "not found" {
		t.Errorf("Get of nothing = %v; Raft compares the text", err)
	}
}

// After an error the meta log is dead, as the engine is.
func TestMetaLogFails(t *testing.T) {
	fatal := make(chan error, 9)
	opts := Options{OnFatal: func(err error) { fatal <- err }}
	m, err := OpenMeta(filepath.Join(t.TempDir(), "meta.db"), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	store(t, m, entries(1, 3, 1))
	_ = m.store.Close() // stands for a disk that refuses
	if err := m.StoreLogs(entries(4, 4, 1)); !errors.Is(err, ErrFailed) {
		t.Errorf("StoreLogs = %v", err)
	}
	if err := <-fatal; !errors.Is(err, ErrFailed) {
		t.Errorf("OnFatal was told %v", err)
	}
	if _, err := m.LastIndex(); !errors.Is(err, ErrFailed) {
		t.Errorf("LastIndex on a dead store = %v", err)
	}
	if err := m.SetUint64([]byte("LastVoteTerm"), 1); !errors.Is(err, ErrFailed) {
		t.Errorf("SetUint64 on a dead store = %v", err)
	}
}
