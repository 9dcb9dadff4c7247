package shard

import (
	"bytes"
	"context"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// Lookup returns the vertices of ids, in their order: the merge of what all owners say. A vertex
// that is only pointed at is an ExternalSymbol or UnresolvedRef; one that is not even that has
// Kind zero.
func (v *View) Lookup(ctx context.Context, ids []graph.VertexID, doc bool) ([]graph.Vertex, error) {
	out := make([]graph.Vertex, len(ids))
	for n, i := range byID(ids) {
		if n%checkEvery == 0 {
			if err := canceled(ctx); err != nil {
				return nil, err
			}
		}
		frags, err := v.fragments(ids[i], doc)
		if err != nil {
			return nil, err
		}
		if m := graph.MergeFragments(frags); m != nil {
			out[i] = *m
		} else if out[i], err = v.external(ids[i]); err != nil {
			return nil, err
		}
		if err := v.overlay(&out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// byID returns the positions of ids in the order of the ids, which is that of the store.
func byID(ids []graph.VertexID) []int {
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	less := func(a, b graph.VertexID) int { return bytes.Compare(a[:], b[:]) }
	if !slices.IsSortedFunc(ids, less) {
		slices.SortStableFunc(order, func(a, b int) int { return less(ids[a], ids[b]) })
	}
	return order
}

// fragments returns the visible fragments of a vertex, in the order of their owners. A vertex made
// by Cypher is its own and only one.
func (v *View) fragments(id graph.VertexID, doc bool) ([]*graph.Vertex, error) {
	var frags []*graph.Vertex
	var owners []graph.OwnerID
	r := &v.rows
	for ok := r.seekPrefix(v.prefix(graph.RowVertex, id)); ok; ok = r.next() {
		b, err := r.value()
		if err != nil {
			return nil, err
		}
		f, err := graph.DecodeFragment(id, b)
		if err != nil {
			return nil, err
		}
		frags, owners = append(frags, f), append(owners, r.owner())
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if len(frags) == 0 {
		return v.made(id)
	}
	if !doc {
		return frags, nil
	}
	for ok := r.seekPrefix(v.prefix(graph.RowDoc, id)); ok; ok = r.next() {
		i := slices.Index(owners, r.owner())
		if i < 0 {
			continue
		}
		b, err := r.value()
		if err != nil {
			return nil, err
		}
		if frags[i].Doc, err = graph.DecodeDoc(b); err != nil {
			return nil, err
		}
	}
	return frags, r.err()
}

// external makes the vertex that is pointed at but not ingested, out of its I rows, or of the edges
// that Cypher made there (1.9).
func (v *View) external(id graph.VertexID) (graph.Vertex, error) {
	out := graph.Vertex{ID: id}
	r := &v.rows
	for ok := r.seekPrefix(v.prefix(graph.RowIn, id)); ok; ok = r.next() {
		b, err := r.value()
		if err != nil {
			return out, err
		}
		key, err := graph.DecodeIn(b, func(graph.HalfEdge) bool {
			out.Kind = graph.ExternalSymbol
			return false
		})
		if err != nil {
			return out, err
		}
		if key == "" {
			continue
		}
		out.Key = key
		sym := out.Symbol()
		out.Name = sym.Name()
		if sym.Manager == graph.ManagerUnresolved {
			out.Kind = graph.UnresolvedRef
		}
		break
	}
	if err := r.err(); err != nil || out.Key != "" {
		return out, err
	}
	return out, v.attached(&out)
}

// prefix returns the prefix of the rows of one kind of a vertex, in a buffer of the view.
func (v *View) prefix(kind byte, id graph.VertexID) []byte {
	v.buf[0] = kind
	copy(v.buf[1:], id[:])
	return v.buf[:]
}
