package shard

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
)

// made returns the vertex that Cypher made, if there is one.
func (v *View) made(id graph.VertexID) ([]*graph.Vertex, error) {
	if v.kinds[graph.RowMade] == 0 {
		return nil, nil
	}
	r := &v.rows
	if !r.seekPrefix(v.prefix(graph.RowMade, id)) {
		return nil, r.err()
	}
	b, err := r.value()
	if err != nil {
		return nil, err
	}
	m, err := graph.DecodeMade(id, b)
	if err != nil {
		return nil, err
	}
	return []*graph.Vertex{m}, nil
}

// overlay lays over a vertex what Cypher gave it. What is not there gets nothing.
func (v *View) overlay(m *graph.Vertex) error {
	if m.Kind == graph.KindNone || v.kinds[graph.RowOverlay] == 0 || graph.IsMade(m.Key) {
		return nil
	}
	r := &v.rows
	key := graph.OverlayRowKey(m.ID)
	if !r.seekPrefix(key) || !hasPrefix(r.row, key) {
		return r.err()
	}
	b, err := r.value()
	if err != nil {
		return err
	}
	o, err := graph.DecodeOverlay(b)
	if err != nil {
		return err
	}
	m.Labels, m.Properties = o.Labels, o.Properties
	return nil
}

// attached makes an ExternalSymbol of a vertex at which an edge made by Cypher ends and that is not
// there: an import has taken it away (1.9).
func (v *View) attached(m *graph.Vertex) error {
	if v.kinds[graph.RowHalf] == 0 {
		return nil
	}
	r := &v.rows
	if !r.seekPrefix(v.prefix(graph.RowHalf, m.ID)) {
		return r.err()
	}
	b, err := r.value()
	if err != nil {
		return err
	}
	h, err := graph.DecodeHalf(b)
	if err != nil {
		return err
	}
	m.Kind, m.Key = graph.ExternalSymbol, h.Key
	m.Name = m.Symbol().Name()
	return nil
}

// halves reads the edges that Cypher made at a vertex.
func (x *expander) halves(ctx context.Context, id graph.VertexID) error {
	if x.v.kinds[graph.RowHalf] == 0 {
		return nil
	}
	r := &x.v.rows
	n := 0
	for ok := r.seekPrefix(x.v.prefix(graph.RowHalf, id)); ok && !x.full; ok = r.next() {
		if n++; n%checkEvery == 0 {
			if err := canceled(ctx); err != nil {
				return err
			}
		}
		info, err := graph.ParseRow(r.row)
		if err != nil {
			return err
		}
		if info.Out && !x.spec.Out || !info.Out && !x.spec.In {
			continue
		}
		b, err := r.value()
		if err != nil {
			return err
		}
		h, err := graph.DecodeHalf(b)
		if err != nil {
			return err
		}
		x.take(info.HalfEdge(h))
	}
	return r.err()
}

// overlays lays over ingested edges what Cypher gave them.
func (x *expander) overlays(id graph.VertexID, edges []graph.HalfEdge) error {
	if x.v.kinds[graph.RowOverlay] == 0 || len(edges) == 0 {
		return nil
	}
	type end struct {
		out   bool
		typ   string
		other graph.VertexID
	}
	found := map[end]graph.Properties{}
	r := &x.v.rows
	for ok := r.seekPrefix(x.v.prefix(graph.RowOverlay, id)); ok; ok = r.next() {
		info, err := graph.ParseRow(r.row)
		if err != nil {
			return err
		}
		if info.Type == "" {
			continue
		}
		b, err := r.value()
		if err != nil {
			return err
		}
		o, err := graph.DecodeOverlay(b)
		if err != nil {
			return err
		}
		found[end{info.Out, info.Type, info.Other}] = o.Properties
	}
	for i := range edges {
		if h := &edges[i]; h.ID == (graph.EdgeID{}) && len(found) > 0 {
			h.Properties = found[end{h.Out, h.Type.String(), h.Other}]
		}
	}
	return r.err()
}

// Locks returns the locks of transactions that are writing at or below the view's timestamp, as far
// as its state tells: on vertices and, if edges is set, on their edges. A strong read waits until
// their holders have ended, or has them resolved; then it opens another view. Snapshot reads do not
// ask: no transaction commits at or below a closed timestamp.
func (v *View) Locks(ids []graph.VertexID, edges bool) ([]graph.Lock, error) {
	if v.kinds[graph.RowLock] == 0 {
		return nil, nil
	}
	var out []graph.Lock
	for _, id := range ids {
		err := eachRow(v.rows.it, graph.VertexLockPrefix(id), func(key, value []byte) (bool, error) {
			l, err := graph.DecodeLock(key, value)
			if err != nil {
				return false, err
			}
			if l.Exclusive && l.Prepare <= v.at && (edges || !graph.IsEdgeLock(l.Name)) {
				out = append(out, *l)
			}
			return true, nil
		})
		if err != nil {
			return nil, v.wrap(err)
		}
	}
	return out, nil
}

// AllLocks is Locks for reads of an index: what is being written anywhere in the shard.
func (v *View) AllLocks() ([]graph.Lock, error) {
	if v.kinds[graph.RowLock] == 0 {
		return nil, nil
	}
	var out []graph.Lock
	err := eachRow(v.rows.it, []byte{graph.RowLock}, func(key, value []byte) (bool, error) {
		l, err := graph.DecodeLock(key, value)
		if err == nil && l.Exclusive && l.Prepare <= v.at {
			out = append(out, *l)
		}
		return true, err
	})
	return out, v.wrap(err)
}
