package shard

import (
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// set writes a row that has no versions and is not there yet.
func (a *applier) set(key, value []byte) error {
	slot, ok := rowSlot(key)
	if !ok {
		return errorf("Apply", graph.KindInternal, "key %x is malformed", key)
	}
	a.count(slot, key, value, 1)
	return a.batch.Set(key, value, nil)
}

// drop removes a row that has no versions.
func (a *applier) drop(key, value []byte) error {
	slot, ok := rowSlot(key)
	if !ok {
		return errorf("Apply", graph.KindCorrupt, "stored key %x is malformed", key)
	}
	a.count(slot, key, value, -1)
	return a.batch.Delete(key, nil)
}

// Tags of staged rows: the rest of the value is that of the row.
const (
	stagedTombstone = 0
	stagedRow       = 1
)

// stage writes what a transaction is going to write, and its locks.
//
//	T row of a row to be   tag1 | value
//	T row of an L row      tag1 | value of the L row
func (x *evaluation) stage(t *graph.Prepare) error {
	put := func(key, value []byte) error {
		slot, ok := rowSlot(key)
		if !ok {
			return errorf("Apply", graph.KindInternal, "key %x is malformed", key)
		}
		staged := []byte{stagedTombstone}
		if len(value) > 0 {
			staged = append([]byte{stagedRow}, value...)
		}
		return x.a.set(graph.StagedRowKey(slot, t.Txn, key), staged)
	}
	for _, key := range slices.Sorted(maps.Keys(x.rows)) {
		if err := put([]byte(key), x.rows[key]); err != nil {
			return err
		}
	}
	for _, h := range x.held {
		l := graph.Lock{Exclusive: h.Exclusive, Prepare: t.At, Start: t.Start, Primary: t.Primary}
		key, value := graph.LockRowKey(h.Name, t.Txn), l.Encode()
		if err := x.a.set(key, value); err != nil {
			return err
		}
		if err := put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// unstage turns what a transaction has staged into versions, or drops it if commit is zero, and
// frees its locks.
func (a *applier) unstage(id graph.TxnID, slots graph.SlotRange, commit graph.Timestamp) error {
	for b := int(slots.Lo >> 8); b <= int(slots.Hi>>8); b++ {
		prefix := graph.StagedPrefix(byte(b), id)
		err := a.each(prefix, func(key, value []byte) (bool, error) {
			row := key[len(prefix):]
			if len(row) == 0 { // the record
				return true, nil
			}
			if len(value) == 0 {
				return false, errorf("Apply", graph.KindCorrupt, "staged row %x is empty", key)
			}
			return true, a.unstageRow(slices.Clone(key), slices.Clone(value), len(prefix), commit)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) unstageRow(key, value []byte, n int, commit graph.Timestamp) error {
	if err := a.drop(key, value); err != nil {
		return err
	}
	row, content := key[n:], value[1:]
	switch {
	case row[0] == graph.RowLock:
		return a.drop(row, content)
	case commit == 0:
		return nil
	}
	return a.putVersion(row, content, commit)
}

// putVersion writes a version of a row that a transaction commits.
func (a *applier) putVersion(row, value []byte, commit graph.Timestamp) error {
	slot, ok := rowSlot(row)
	if !ok {
		return errorf("Apply", graph.KindCorrupt, "row key %x is malformed", row)
	}
	a.key = appendVersion(append(a.key[:0], row...), commit)
	a.count(slot, a.key, value, 1)
	return a.batch.Set(a.key, value, nil)
}

// each calls fn with the stored rows whose keys have a prefix, as of the last commit, until it
// returns false. Key and value are valid during the call; fn must not move the iterator.
func (a *applier) each(prefix []byte, fn func(key, value []byte) (bool, error)) error {
	it, err := a.iter()
	if err != nil {
		return err
	}
	return eachRow(it, prefix, fn)
}

func eachRow(it *pebble.Iterator, prefix []byte,
	fn func(key, value []byte) (bool, error)) error {
	seek := it.SeekGE
	if wholePrefix(prefix) { // the filters tell which tables have any
		seek = it.SeekPrefixGE
	}
	for ok := seek(prefix); ok && hasPrefix(it.Key(), prefix); ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		more, err := fn(it.Key(), value)
		if err != nil || !more {
			return err
		}
	}
	return it.Error()
}

// wholePrefix tells whether all keys that begin with p have one prefix (splitKey).
func wholePrefix(p []byte) bool {
	switch p[0] {
	case graph.RowIndex, graph.RowOwner, graph.RowMeta:
		return false
	case graph.RowLock, graph.RowTxn:
		return len(p) >= 1+1+txnLen
	}
	return len(p) >= 1+idLen
}

func hasPrefix(key, prefix []byte) bool {
	return len(key) >= len(prefix) && string(key[:len(prefix)]) == string(prefix)
}
