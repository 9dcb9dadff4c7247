package shard

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/codegraphdb/codegraph/graph"
)

// Owners returns the F rows of up to limit owners of a repository, the parts of an owner together
// and in order, and where to go on; a nil cursor means that there is no more.
func (v *View) Owners(ctx context.Context, repo graph.RepoID, cursor []byte, limit int) (
	[]graph.Row, []byte, error) {
	index, err := v.indexRows()
	if err != nil {
		return nil, nil, err
	}
	var out []graph.Row
	var last []byte
	n := 0
	slots := v.s.Descriptor().Slots
	for b := int(slots.Lo >> 8); b <= int(slots.Hi>>8); b++ {
		prefix := graph.IndexPrefix(byte(b), graph.IndexRepo, graph.RepoIndexValue(repo), true)
		from := prefix
		if bytes.Compare(cursor, prefix) > 0 {
			from = append(bytes.Clone(cursor), 0xff)
		}
		for ok := index.within(prefix, from); ok; ok = index.next() {
			if limit > 0 && n == limit {
				return out, last, nil
			}
			if err := canceled(ctx); err != nil {
				return nil, nil, err
			}
			row := index.row
			slot := graph.Slot(binary.BigEndian.Uint16(row[len(row)-idLen-ownerLen:]))
			if out, err = v.ownerRows(graph.OwnerPrefix(slot, index.owner()), out); err != nil {
				return nil, nil, err
			}
			n++
			last = bytes.Clone(row)
		}
		if err := index.err(); err != nil {
			return nil, nil, err
		}
	}
	return out, nil, nil
}

// ownerRows appends the visible F rows of one owner.
func (v *View) ownerRows(prefix []byte, out []graph.Row) ([]graph.Row, error) {
	r := &v.rows
	for ok := r.seekPrefix(prefix); ok; ok = r.next() {
		b, err := r.value()
		if err != nil {
			return nil, err
		}
		out = append(out, graph.Row{Key: bytes.Clone(r.row), Value: bytes.Clone(b)})
	}
	return out, r.err()
}
