package shard

import (
	"fmt"
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

func (w *modelWorld) key(made bool) string {
	if made {
		return w.keys[modelIngested+w.r.IntN(len(w.keys)-modelIngested)]
	}
	return w.keys[w.r.IntN(len(w.keys))]
}

// live names a vertex, more likely one that is there.
func (w *modelWorld) live() string {
	if there := slices.Sorted(maps.Keys(w.newest().vertices)); w.r.IntN(4) > 0 {
		return there[w.r.IntN(len(there))]
	}
	return w.key(false)
}

// edge names an edge: one that there is, or was, or a new one.
func (w *modelWorld) edge() graph.Element {
	if names := slices.Sorted(maps.Keys(w.writes.ends)); len(names) > 0 && w.r.IntN(2) == 0 {
		return *w.writes.ends[names[w.r.IntN(len(names))]]
	}
	return graph.Element{Vertex: graph.RefOf(w.live()), Other: graph.RefOf(w.live()),
		Type: []string{"KNOWS", "USES", "CALLS"}[w.r.IntN(3)], ID: graph.EdgeID{9, byte(w.r.IntN(12))}}
}

// randomPart makes up a transaction. Much of it makes no sense: the model knows.
func (w *modelWorld) randomPart() (p graph.TxnPart) {
	for range 1 + w.r.IntN(3) {
		m := w.randomMutation()
		p.Mutations = append(p.Mutations, m)
		if m.Kind == graph.MutateDelete && !m.On.IsEdge() && w.r.IntN(2) == 0 { // with its edges
			for _, name := range slices.Sorted(maps.Keys(w.newest().edges)) {
				on := w.newest().edges[name].on
				if on.Vertex == m.On.Vertex || on.Other == m.On.Vertex {
					p.Mutations = append(p.Mutations, graph.Mutation{Kind: graph.MutateDelete, On: on,
						Halves: graph.HalfBoth})
				}
			}
		}
	}
	if w.r.IntN(3) == 0 {
		p.Checks = append(p.Checks, w.randomCheck())
	}
	if w.r.IntN(3) == 0 {
		p.Reads = append(p.Reads, w.randomRead())
	}
	if w.r.IntN(6) == 0 {
		p.Locks = append(p.Locks, graph.LockRequest{Vertex: graph.RefOf(w.key(true)),
			Exclusive: w.r.IntN(2) == 0})
	}
	return p
}

func (w *modelWorld) randomMutation() graph.Mutation {
	m := graph.Mutation{Kind: graph.MutationKind(1 + w.r.IntN(3))}
	if w.r.IntN(2) == 0 {
		m.On, m.Halves = w.edge(), graph.HalfBoth
		if m.On.ID == (graph.EdgeID{}) {
			m.Kind = graph.MutateSet
		}
	} else {
		m.On.Vertex = graph.RefOf(w.key(m.Kind != graph.MutateSet))
		if key := w.live(); m.Kind == graph.MutateDelete && graph.IsMade(key) {
			m.On.Vertex = graph.RefOf(key)
		}
	}
	if m.Kind == graph.MutateDelete {
		return m
	}
	m.Set = graph.Properties{"n": int64(w.r.IntN(3))}
	if w.r.IntN(2) == 0 {
		m.Set["name"] = fmt.Sprint("n", w.r.IntN(2))
	}
	if m.Kind == graph.MutateSet {
		m.Replace = w.r.IntN(3) == 0
		m.Remove = []string{"name"}[:w.r.IntN(2)]
	}
	if m.On.IsEdge() {
		return m
	}
	m.Labels = []string{"A", "B", "Method", "Function"}[w.r.IntN(2) : 1+w.r.IntN(4)][:1]
	if m.On.Vertex.Made() && w.r.IntN(3) == 0 {
		m.Labels = []string{"Function", "Method"}[w.r.IntN(2):]
	} else if !m.On.Vertex.Made() {
		m.Labels = []string{"A", "B"}[w.r.IntN(2):]
	}
	if m.Kind == graph.MutateSet && w.r.IntN(2) == 0 {
		m.DropLabels, m.Labels = []string{"A"}, nil
	}
	return m
}

func (w *modelWorld) randomCheck() graph.Check {
	c := graph.Check{Kind: graph.CheckKind(1 + w.r.IntN(4)), Property: "n", Since: w.now - 20}
	c.On.Vertex = graph.RefOf(w.key(true))
	if w.r.IntN(3) == 0 {
		if c.On = w.edge(); c.On.ID == (graph.EdgeID{}) {
			c.Kind = graph.CheckEquals
		}
	}
	if w.r.IntN(3) > 0 {
		c.Value = float64(w.r.IntN(3))
	}
	c.Since = max(c.Since, w.safe)
	return c
}

func (w *modelWorld) randomRead() graph.ReadEntry {
	return graph.ReadEntry{Kind: graph.ReadKind(1 + w.r.IntN(3)), Vertex: graph.IDOf(w.key(false)),
		Out: w.r.IntN(2) == 0, Type: []string{"", "KNOWS", "CALLS"}[w.r.IntN(3)],
		Index: graph.IndexLabel, Value: []string{"A", "B"}[w.r.IntN(2)]}
}

// judge says what a transaction makes of the newest state, or for what reason it is refused. The
// part may be the one in a shard, or, with zero, all of it.
func (w *modelWorld) judge(x *modelTxn, part graph.TxnPart, shard uint64) (
	*modelGraph, graph.Reason) {
	j := &judgement{w: w, x: x, g: w.newest().clone(), old: w.stateAt(x.start),
		wrote: map[string]bool{}, slots: SlotRange{Hi: graph.Slots - 1}}
	if shard != 0 {
		j.slots = w.shards[shard-1].id.Slots
	}
	for i := range part.Checks {
		j.check(&part.Checks[i])
	}
	for i := range part.Reads {
		j.read(&part.Reads[i])
	}
	for i := range part.Mutations {
		j.mutate(&part.Mutations[i])
	}
	for _, key := range j.gone {
		if j.g.vertices[key] == nil && j.attached(key, &part) {
			j.fail(graph.ReasonHasEdges)
		}
	}
	if w.also = j.why; w.blocked(x, &part, shard) {
		return nil, graph.ReasonLocked
	}
	return j.g, j.why
}

// blocked tells whether another transaction under way holds a lock, in a shard that this part is
// for, that excludes it.
func (w *modelWorld) blocked(x *modelTxn, part *graph.TxnPart, shard uint64) bool {
	all := SlotRange{Hi: graph.Slots - 1}
	for _, o := range w.open {
		if o == x {
			continue
		}
		held := o.parts[:o.prepared]
		if o.decided {
			held = nil
			for _, n := range o.unsettled {
				if n < o.prepared || o.commit != 0 {
					held = append(held, o.parts[n])
				}
			}
		}
		for i := range held {
			for _, a := range part.HeldLocks(all) {
				for _, b := range held[i].Part.HeldLocks(held[i].Slots) {
					near := slices.Contains(graph.LockLineage(a.Name), b.Name) ||
						slices.Contains(graph.LockLineage(b.Name), a.Name)
					if near && (a.Exclusive || b.Exclusive) {
						return true
					}
				}
			}
			if (shard == 0 || shard == held[i].Shard) && w.blockedIndex(x, o, part, &held[i]) {
				return true
			}
		}
	}
	return false
}

// blockedIndex tells whether one of two changes a label that the other has read. What was prepared
// found its vertices as they still are: it holds them.
func (w *modelWorld) blockedIndex(x, o *modelTxn, part *graph.TxnPart, held *graph.ShardPart) bool {
	before := w.newest()
	if o.decided && o.commit != 0 {
		before = w.stateAt(o.commit - 2)
	}
	slots := w.shards[held.Shard-1].id.Slots
	return w.relabels(o, &held.Part, part, before, slots) ||
		w.relabels(x, part, &held.Part, w.newest(), slots)
}

// relabels tells whether what a transaction does to a state changes a label that another has read.
func (w *modelWorld) relabels(x *modelTxn, part, reader *graph.TxnPart, g *modelGraph,
	slots SlotRange) bool {
	j := &judgement{w: w, x: x, g: g.clone(), old: w.stateAt(x.start), wrote: map[string]bool{}}
	for i := range part.Mutations {
		j.mutate(&part.Mutations[i])
	}
	for _, r := range reader.Reads {
		for _, key := range w.keys {
			if r.Kind == graph.ReadIndex && slots.Has(graph.SlotOf(key)) &&
				g.labelled(key, r.Value) != j.g.labelled(key, r.Value) {
				return true
			}
		}
	}
	return false
}

// judgement is the model's evaluation of one transaction.
type judgement struct {
	w     *modelWorld
	x     *modelTxn
	g     *modelGraph // as the transaction leaves it
	old   *modelGraph // as it was at its start
	wrote map[string]bool
	gone  []string
	slots SlotRange // where indexes are read
	why   graph.Reason
}

func (j *judgement) fail(why graph.Reason) {
	if j.why == "" {
		j.why = why
	}
}

// touch refuses what was written after the start by others.
func (j *judgement) touch(name string) {
	if !j.wrote[name] && j.w.writes.at[name] > j.x.start {
		j.fail(graph.ReasonChanged)
	}
}

func (j *judgement) mutate(m *graph.Mutation) {
	name := m.On.String()
	j.touch(name)
	j.wrote[name] = true
	if m.On.IsEdge() {
		j.mutateEdge(m, name)
		return
	}
	key := m.On.Vertex.Key
	v := j.g.vertices[key]
	switch {
	case m.Kind == graph.MutateCreate && v != nil:
		j.fail("exists")
	case m.Kind != graph.MutateCreate && v == nil:
		j.fail("not found")
	case m.Kind == graph.MutateDelete:
		delete(j.g.vertices, key)
		j.gone = append(j.gone, key)
	default:
		next := &modelVertex{}
		if v != nil {
			next.labels = v.labels
			next.props = v.props
		}
		next.props = changedProps(m, next.props)
		set := map[string]bool{}
		for _, l := range slices.Concat(next.labels, m.Labels) {
			set[l] = true
		}
		for _, l := range m.DropLabels {
			delete(set, l)
		}
		next.labels = slices.Sorted(maps.Keys(set))
		j.g.vertices[key] = next
	}
}

func changedProps(m *graph.Mutation, old graph.Properties) graph.Properties {
	props := graph.Properties{}
	for k, v := range old {
		if !m.Replace && !slices.Contains(m.Remove, k) {
			props[k] = v
		}
	}
	maps.Copy(props, m.Set)
	if len(props) == 0 {
		return nil
	}
	return props
}

func (j *judgement) mutateEdge(m *graph.Mutation, name string) {
	e := j.g.edges[name]
	switch {
	case m.Kind == graph.MutateCreate && e != nil:
		j.fail("exists")
		return
	case m.Kind != graph.MutateCreate && e == nil:
		j.fail("not found")
		return
	case m.Kind == graph.MutateDelete:
		delete(j.g.edges, name)
		return
	}
	if m.Kind == graph.MutateCreate {
		e = &modelEdge{}
		for _, out := range []bool{true, false} {
			end := m.On.Vertex
			if !out {
				end = m.On.Other
			}
			if !m.At(out) || !end.Made() {
				continue
			}
			now := j.g.vertices[end.Key] != nil
			if !now || !j.wrote["vertex "+end.Key] && j.old.vertices[end.Key] == nil {
				j.fail("not found")
			}
		}
	}
	j.g.edges[name] = &modelEdge{on: m.On, props: changedProps(m, e.props)}
}

// attached tells whether a vertex still has an edge, of those whose half there is in this part or
// lies in the shard of the vertex.
func (j *judgement) attached(key string, part *graph.TxnPart) bool {
	for _, e := range j.g.edges {
		if e.on.Vertex.Key != key && e.on.Other.Key != key {
			continue
		}
		return true
	}
	return false
}

func (j *judgement) check(c *graph.Check) {
	name := c.On.String()
	if c.Kind == graph.CheckUnchanged {
		if j.w.writes.at[name] > c.Since {
			j.fail(graph.ReasonPrecondition)
		}
		return
	}
	j.touch(name)
	var props graph.Properties
	there := false
	if c.On.IsEdge() {
		if e := j.g.edges[name]; e != nil {
			there, props = true, e.props
		}
	} else if v := j.g.vertices[c.On.Vertex.Key]; v != nil {
		there, props = true, v.props
	}
	got, has := props[c.Property]
	ok := there
	switch c.Kind {
	case graph.CheckAbsent:
		ok = !there
	case graph.CheckEquals:
		ok = there && has == (c.Value != nil) && (!has || float64(got.(int64)) == c.Value)
	}
	if !ok {
		j.fail(graph.ReasonPrecondition)
	}
}

func (j *judgement) read(r *graph.ReadEntry) {
	for _, key := range j.w.keys {
		if r.Kind == graph.ReadVertex && graph.IDOf(key) == r.Vertex {
			j.touch("vertex " + key)
		}
	}
	for _, key := range j.w.keys {
		if r.Kind == graph.ReadIndex && j.slots.Has(graph.SlotOf(key)) &&
			j.w.writes.labels[r.Value+key] > j.x.start {
			j.fail(graph.ReasonChanged)
		}
	}
	if r.Kind != graph.ReadEdges {
		return
	}
	for name, on := range j.w.writes.ends {
		at := on.Vertex.ID
		if !r.Out {
			at = on.Other.ID
		}
		if at == r.Vertex && (r.Type == "" || r.Type == on.Type) {
			j.touch(name)
		}
	}
}
