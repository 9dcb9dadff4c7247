package shard

import (
	"bytes"
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// maxRead bounds the versions that the read set and the deleted vertices of one transaction may
// make Apply look at.
const maxRead = 50_000

// evaluation judges what a transaction does in this shard and works out the rows that it writes. It
// depends on the operations and on stored rows only (S2).
type evaluation struct {
	a     *applier
	txn   graph.TxnID
	start graph.Timestamp
	part  *graph.TxnPart
	slots graph.SlotRange // what locks and reads of an index reach over
	held  []graph.HeldLock
	rows  map[string][]byte // by key without version; an empty value is a tombstone
	gone  []*graph.Mutation // that delete vertices
	left  int               // versions that may still be looked at

	refused *graph.Error
	blocked *graph.Lock // with refused: whose end may change the answer
}

// evaluate judges a transaction. Locks come first: what is under way elsewhere is neither there nor
// gone. Its error ends the replica; a refusal is in the result.
func (a *applier) evaluate(id graph.TxnID, start graph.Timestamp, part *graph.TxnPart,
	slots graph.SlotRange) (*evaluation, error) {
	x := &evaluation{a: a, txn: id, start: start, part: part, slots: slots,
		held: part.HeldLocks(slots), rows: map[string][]byte{}, left: maxRead}
	for _, step := range []func() error{x.locks, x.checks, x.reads, x.mutations, x.loose, x.index} {
		if err := step(); err != nil || x.refused != nil {
			return x, err
		}
	}
	return x, nil
}

func (x *evaluation) refuse(err error) {
	if x.refused == nil && err != nil {
		e, ok := err.(*graph.Error)
		if !ok {
			e = errorf("Apply", graph.KindOf(err), "%w", err)
		}
		x.refused = e
	}
}

func (x *evaluation) changed(what any, at graph.Timestamp) {
	x.refuse(conflict(graph.ReasonChanged, "%s was changed at %s, after transaction %s began at %s",
		what, at, x.txn, x.start).WithRemedy("begin again"))
}

// newest returns the newest version of a row; zero if there is none. Rows of transactions only.
func (a *applier) newest(row []byte) (at graph.Timestamp, value []byte, err error) {
	it, err := a.iter()
	if err != nil {
		return 0, nil, err
	}
	a.key = appendVersion(append(a.key[:0], row...), ^graph.Timestamp(0))
	if !it.SeekPrefixGE(a.key) {
		return 0, nil, it.Error()
	}
	key, at := splitVersion(it.Key())
	if !bytes.Equal(key, row) {
		return 0, nil, nil
	}
	v, err := it.ValueAndErr()
	return at, bytes.Clone(v), err
}

// load returns the row as the transaction sees it, empty if it is not there, and refuses the
// transaction if the row was changed after it began: so what it sees is what there was then.
func (x *evaluation) load(row []byte, what any) ([]byte, error) {
	if v, ok := x.rows[string(row)]; ok {
		return v, nil
	}
	at, value, err := x.a.newest(row)
	if err == nil && at > x.start {
		x.changed(what, at)
	}
	return value, err
}

func (x *evaluation) mutations() error {
	for i := range x.part.Mutations {
		m := &x.part.Mutations[i]
		var err error
		switch {
		case !m.On.IsEdge() && m.On.Vertex.Made():
			err = x.vertex(m)
		case !m.On.IsEdge():
			err = x.overlay(m, graph.OverlayRowKey(m.On.Vertex.ID))
		default:
			err = x.edge(m)
		}
		if err != nil || x.refused != nil {
			return err
		}
	}
	return nil
}

// exists and missing are refusals about an element.
func exists(on *graph.Element) error {
	return errorf("Apply", graph.KindExists, "%s is there already", on)
}

func missing(on *graph.Element) error {
	return errorf("Apply", graph.KindNotFound, "%s is not there", on)
}

// vertex creates, changes or deletes a vertex made by Cypher.
func (x *evaluation) vertex(m *graph.Mutation) error {
	row := graph.MadeRowKey(m.On.Vertex.ID)
	value, err := x.load(row, &m.On)
	if err != nil || x.refused != nil {
		return err
	}
	var v *graph.Vertex
	switch there := len(value) > 0; {
	case there && m.Kind == graph.MutateCreate:
		x.refuse(exists(&m.On))
		return nil
	case !there && m.Kind != graph.MutateCreate:
		x.refuse(missing(&m.On))
		return nil
	case there:
		if v, err = graph.DecodeMade(m.On.Vertex.ID, value); err != nil {
			return err
		}
	}
	if m.Kind == graph.MutateDelete {
		x.rows[string(row)] = nil
		x.gone = append(x.gone, m)
		return nil
	}
	next, err := m.ApplyVertex(v)
	if err != nil {
		x.refuse(err)
		return nil
	}
	x.rows[string(row)] = graph.EncodeMade(next)
	return nil
}

// overlay changes what lies over an ingested vertex or edge.
func (x *evaluation) overlay(m *graph.Mutation, row []byte) error {
	value, err := x.load(row, &m.On)
	if err != nil || x.refused != nil {
		return err
	}
	var o *graph.Overlay
	if len(value) > 0 {
		if o, err = graph.DecodeOverlay(value); err != nil {
			return err
		}
	}
	next, err := m.ApplyOverlay(o)
	if err != nil {
		x.refuse(err)
		return nil
	}
	x.rows[string(row)] = next.Encode()
	return nil
}

// edge does at each end that lies here what the mutation says.
func (x *evaluation) edge(m *graph.Mutation) error {
	for _, out := range []bool{true, false} {
		if !m.At(out) {
			continue
		}
		row := m.On.HalfKey(out)
		var err error
		if row[0] == graph.RowOverlay {
			err = x.overlay(m, row)
		} else {
			err = x.half(m, row, out)
		}
		if err != nil || x.refused != nil {
			return err
		}
	}
	return nil
}

func (x *evaluation) half(m *graph.Mutation, row []byte, out bool) error {
	value, err := x.load(row, &m.On)
	if err != nil || x.refused != nil {
		return err
	}
	var h *graph.Half
	there := len(value) > 0
	if there {
		if h, err = graph.DecodeHalf(value); err != nil {
			return err
		}
	}
	switch {
	case m.Kind == graph.MutateCreate:
		if there {
			x.refuse(exists(&m.On))
			return nil
		}
		end := m.On.Vertex
		if !out {
			end = m.On.Other
		}
		if err := x.endpoint(end); err != nil || x.refused != nil {
			return err
		}
	case !there:
		x.refuse(missing(&m.On))
		return nil
	case m.Kind == graph.MutateDelete:
		x.rows[string(row)] = nil
		return nil
	}
	next, err := m.ApplyHalf(h, out)
	if err != nil {
		x.refuse(err)
		return nil
	}
	x.rows[string(row)] = next.Encode()
	return nil
}

// endpoint wants a vertex made by Cypher to be there since the transaction began. Others need not
// be: one that is only pointed at is an ExternalSymbol (1.9).
func (x *evaluation) endpoint(v graph.Ref) error {
	if !v.Made() {
		return nil
	}
	on := &graph.Element{Vertex: v}
	row := graph.MadeRowKey(v.ID)
	if value, ok := x.rows[string(row)]; ok {
		if len(value) == 0 {
			x.refuse(missing(on))
		}
		return nil
	}
	there, first := false, true
	err := x.a.each(row, func(key, value []byte) (bool, error) {
		_, at := splitVersion(key)
		if first && len(value) == 0 && at > x.start {
			x.changed(on, at)
		}
		first = false
		there = at <= x.start && len(value) > 0
		return at > x.start, nil
	})
	if err == nil && !there {
		x.refuse(missing(on))
	}
	return err
}

// loose refuses to delete vertices whose edges stay.
func (x *evaluation) loose() error {
	for _, m := range x.gone {
		v := m.On.Vertex.ID
		if len(x.rows[string(graph.MadeRowKey(v))]) > 0 {
			continue // and made again
		}
		prefix := graph.VertexPrefix(graph.RowHalf, v)
		for _, row := range slices.Sorted(maps.Keys(x.rows)) {
			if hasPrefix([]byte(row), prefix) && len(x.rows[row]) > 0 {
				x.attached(m, 0)
			}
		}
		var last []byte
		err := x.a.each(prefix, func(key, value []byte) (bool, error) {
			row, at := splitVersion(key)
			if bytes.Equal(row, last) {
				return x.spend(), nil
			}
			last = append(last[:0], row...)
			if _, own := x.rows[string(row)]; !own && len(value) > 0 {
				x.attached(m, at)
			}
			return x.spend(), nil
		})
		if err != nil || x.refused != nil {
			return err
		}
	}
	return nil
}

// attached refuses to delete a vertex because of an edge that was made at a timestamp. Whoever
// detaches has listed the edges that there were when the transaction began.
func (x *evaluation) attached(m *graph.Mutation, at graph.Timestamp) {
	if m.Detach && at > x.start {
		x.changed(&m.On, at)
		return
	}
	x.refuse(conflict(graph.ReasonHasEdges, "%s still has edges", &m.On).
		WithRemedy("delete them first, or use DETACH DELETE"))
}

// spend counts one version looked at; false when it was one too many, or the answer is known.
func (x *evaluation) spend() bool {
	if x.left--; x.left < 0 {
		x.refuse(errorf("Apply", graph.KindLimit,
			"transaction %s makes shard %d look at more than %d versions", x.txn, x.a.st.desc.ID, maxRead).
			WithRemedy("read less, or do not have the read set validated"))
	}
	return x.refused == nil
}

// index adds the X rows that follow from the C and P rows, and leaves out tombstones that would
// hide nothing.
func (x *evaluation) index() error {
	for _, key := range slices.Sorted(maps.Keys(x.rows)) {
		row, value := []byte(key), x.rows[key]
		if row[0] == graph.RowHalf && len(value) > 0 {
			continue
		}
		_, old, err := x.a.newest(row)
		if err != nil {
			return err
		}
		if len(value) == 0 && len(old) == 0 {
			delete(x.rows, key)
		}
		before, err := indexRowsOf(row, old)
		if err != nil {
			return err
		}
		after, err := indexRowsOf(row, value)
		if err != nil {
			return err
		}
		x.reindex(before, after)
	}
	return x.readers()
}

// reindex adds the difference between the X rows of a vertex before and after.
func (x *evaluation) reindex(before, after []graph.Row) {
	had := map[string]bool{}
	for _, r := range before {
		had[string(r.Key)] = true
	}
	for _, r := range after {
		if had[string(r.Key)] {
			delete(had, string(r.Key))
			continue
		}
		x.rows[string(r.Key)] = r.Value
	}
	for key := range had {
		x.rows[key] = nil
	}
}

// indexRowsOf returns the X rows that belong to a C or P row.
func indexRowsOf(row, value []byte) ([]graph.Row, error) {
	if len(value) == 0 {
		return nil, nil
	}
	var id graph.VertexID
	switch row[0] {
	case graph.RowMade:
		copy(id[:], row[1:])
		v, err := graph.DecodeMade(id, value)
		if err != nil {
			return nil, err
		}
		return graph.MadeIndexRows(v), nil
	case graph.RowOverlay:
		copy(id[:], row[1:])
		o, err := graph.DecodeOverlay(value)
		if err != nil {
			return nil, err
		}
		return graph.LabelIndexRows(id, o.Labels), nil
	}
	return nil, nil
}

// write writes the rows of a transaction at its commit timestamp.
func (x *evaluation) write(commit graph.Timestamp) error {
	for _, key := range slices.Sorted(maps.Keys(x.rows)) {
		if err := x.a.putVersion([]byte(key), x.rows[key], commit); err != nil {
			return err
		}
	}
	return nil
}
