package shard

import (
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// locks refuses the transaction if another one holds a lock that excludes one of its own, over the
// same, over what covers it, or over what it covers.
func (x *evaluation) locks() error {
	if x.a.st.kinds[graph.RowLock] == 0 {
		return nil
	}
	for _, h := range x.held {
		lineage := graph.LockLineage(h.Name)
		for i, name := range lineage {
			prefix := graph.LockPrefix(name)
			if i < len(lineage)-1 {
				prefix = append(prefix, 0) // the covering lock alone, not all below it
			}
			if err := x.held1(prefix, h.Exclusive); err != nil || x.refused != nil {
				return err
			}
		}
	}
	return nil
}

// held1 looks for locks of others under a prefix of L rows.
func (x *evaluation) held1(prefix []byte, exclusive bool) error {
	return x.a.each(prefix, func(key, value []byte) (bool, error) {
		l, err := graph.DecodeLock(key, value)
		if err != nil {
			return false, err
		}
		if l.Txn != x.txn && (exclusive || l.Exclusive) {
			x.block(l)
			return false, nil
		}
		return true, nil
	})
}

func (x *evaluation) block(l *graph.Lock) {
	if x.refused != nil {
		return
	}
	x.blocked = l
	x.refuse(conflict(graph.ReasonLocked, "%s is locked by transaction %s since %s",
		graph.LockText(l.Name), l.Txn, l.Prepare).WithRemedy("wait until it has ended"))
}

// readers refuses the transaction if it writes under an index value that another one has read and
// holds on to.
func (x *evaluation) readers() error {
	if x.a.st.kinds[graph.RowLock] == 0 {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(x.rows)) {
		if key[0] != graph.RowIndex {
			continue
		}
		info, err := graph.ParseRow([]byte(key))
		if err != nil {
			return err
		}
		if err := x.held1(append(graph.LockPrefix(graph.IndexLockOf(&info)), 0), true); err != nil ||
			x.refused != nil {
			return err
		}
	}
	return nil
}

// checks judges the preconditions.
func (x *evaluation) checks() error {
	for i := range x.part.Checks {
		c := &x.part.Checks[i]
		err := x.check(c)
		if err != nil || x.refused != nil {
			return err
		}
	}
	return nil
}

func (x *evaluation) check(c *graph.Check) error {
	ingested := !c.On.IsEdge() && !c.On.Vertex.Made() || c.On.IsEdge() && c.On.ID == (graph.EdgeID{})
	if c.Kind == graph.CheckUnchanged {
		return x.unchanged(c, ingested)
	}
	if ingested && c.Kind != graph.CheckEquals {
		return x.ingested(c)
	}
	value, err := x.load(checkedRow(&c.On), &c.On)
	if err != nil || x.refused != nil {
		return err
	}
	there := len(value) > 0
	switch {
	case c.Kind == graph.CheckAbsent && there:
		x.unmet(c, "is there")
	case c.Kind == graph.CheckAbsent:
	case !there && !ingested:
		x.unmet(c, "is not there")
	case c.Kind == graph.CheckEquals:
		props, err := propertiesOf(checkedRow(&c.On), value)
		if err != nil {
			return err
		}
		got, has := props[c.Property]
		if has != (c.Value != nil) || has && !graph.EqualValues(got, c.Value) {
			x.unmet(c, "has another "+c.Property)
		}
	}
	return nil
}

func (x *evaluation) unmet(c *graph.Check, why string) {
	x.refuse(conflict(graph.ReasonPrecondition, "precondition: %s %s", &c.On, why))
}

// checkedRow returns the row that a precondition is about.
func checkedRow(on *graph.Element) []byte {
	switch {
	case on.IsEdge():
		return on.HalfKey(true)
	case on.Vertex.Made():
		return graph.MadeRowKey(on.Vertex.ID)
	}
	return graph.OverlayRowKey(on.Vertex.ID)
}

func propertiesOf(row, value []byte) (graph.Properties, error) {
	if len(value) == 0 {
		return nil, nil
	}
	switch row[0] {
	case graph.RowMade:
		v, err := graph.DecodeMade(graph.VertexID{}, value)
		if err != nil {
			return nil, err
		}
		return v.Properties, nil
	case graph.RowHalf:
		h, err := graph.DecodeHalf(value)
		if err != nil {
			return nil, err
		}
		return h.Properties, nil
	}
	o, err := graph.DecodeOverlay(value)
	if err != nil {
		return nil, err
	}
	return o.Properties, nil
}

// ingested judges whether an ingested vertex is there: some owner's fragment was committed, and
// none was changed after the transaction began.
func (x *evaluation) ingested(c *graph.Check) error {
	prefix := graph.VertexPrefix(graph.RowVertex, c.On.Vertex.ID)
	if err := x.settled(prefix, x.start, &c.On); err != nil || x.refused != nil {
		return err
	}
	there := false
	var last string
	err := x.a.each(prefix, func(key, value []byte) (bool, error) {
		row, id := splitVersion(key)
		if at, _ := x.a.committedAt(id); at == 0 || string(row) == last {
			return true, nil
		}
		last = string(row)
		there = len(value) > 0
		return !there, nil
	})
	switch {
	case err != nil:
	case there && c.Kind == graph.CheckAbsent:
		x.unmet(c, "is there")
	case !there && c.Kind == graph.CheckExists:
		x.unmet(c, "is not there")
	}
	return err
}

// unchanged judges whether anything of an element was committed after a timestamp.
func (x *evaluation) unchanged(c *graph.Check, ingested bool) error {
	if c.Since < x.a.st.gc.safepoint {
		x.refuse(conflict(graph.ReasonTooOld, "precondition: shard %d keeps versions from %s, not %s",
			x.a.st.desc.ID, x.a.st.gc.safepoint, c.Since))
		return nil
	}
	row := checkedRow(&c.On)
	at, _, err := x.a.newest(row)
	if err != nil {
		return err
	}
	if at > c.Since {
		x.unmet(c, "was changed at "+at.String())
		return nil
	}
	switch {
	case !ingested:
		return nil
	case c.On.IsEdge():
		return x.settled(graph.VertexPrefix(graph.RowOut, c.On.Vertex.ID), c.Since, &c.On)
	}
	for _, kind := range []byte{graph.RowVertex, graph.RowDoc} {
		err := x.settled(graph.VertexPrefix(kind, c.On.Vertex.ID), c.Since, &c.On)
		if err != nil || x.refused != nil {
			return err
		}
	}
	return nil
}

// settled refuses the transaction if a row with a prefix has a version that was committed after a
// timestamp, or is of an import that may be.
func (x *evaluation) settled(prefix []byte, since graph.Timestamp, what any) error {
	return x.a.each(prefix, func(key, _ []byte) (bool, error) {
		if _, id := splitVersion(key); id < x.a.st.gc.watermark {
			return x.spend(), nil
		} else if at, ended := x.a.committedAt(id); !ended {
			x.refuse(conflict(graph.ReasonChanged, "%s is being changed by import %s", what, id).
				WithRemedy("begin again when the import has ended"))
		} else if at > since {
			x.changed(what, at)
		}
		return x.spend(), nil
	})
}

// reads judges the read set: no version of what was read, or would now be read too, is newer than
// the transaction.
func (x *evaluation) reads() error {
	for i := range x.part.Reads {
		r := &x.part.Reads[i]
		var err error
		if r.Kind == graph.ReadIndex {
			err = x.readIndex(r)
		} else {
			for _, prefix := range r.Prefixes() {
				what := "what was read of vertex " + r.Vertex.String()
				if err = x.settled(prefix, x.start, what); err != nil || x.refused != nil {
					break
				}
			}
		}
		if err != nil || x.refused != nil {
			return err
		}
	}
	return nil
}

// readIndex judges what an index holds under a value, here, and what others are about to put there.
func (x *evaluation) readIndex(r *graph.ReadEntry) error {
	what := "what an index holds under " + r.Value
	for b := int(x.slots.Lo >> 8); b <= int(x.slots.Hi>>8); b++ {
		prefix := graph.IndexPrefix(byte(b), r.Index, r.Value, true)
		for _, p := range x.a.st.pendingTxns() {
			if p.Txn == x.txn {
				continue
			}
			err := x.a.each(append(graph.StagedPrefix(byte(b), p.Txn), prefix...),
				func([]byte, []byte) (bool, error) {
					x.block(&graph.Lock{Name: graph.IndexLockOf(&graph.RowInfo{Slot: graph.Slot(b << 8),
						Index: r.Index, Value: r.Value}), Txn: p.Txn, Exclusive: true, Prepare: p.Prepare,
						Start: p.Start, Primary: p.Primary})
					return false, nil
				})
			if err != nil || x.refused != nil {
				return err
			}
		}
		if err := x.settled(prefix, x.start, what); err != nil || x.refused != nil {
			return err
		}
	}
	return nil
}
