package check

import "github.com/codegraphdb/codegraph/chaos/history"

// The promise that most workloads rest on: a read shows the effect of a write that may be the last
// one before it. Writes to one key are ordered where one ended before the other began, or where
// both say their timestamp; what is not ordered may have happened in either order (V3).

// after says whether write x surely took effect after write o.
func after(x, o *history.Op) bool {
	if x.At.Timestamp != 0 && o.At.Timestamp != 0 {
		return x.At.Timestamp > o.At.Timestamp
	}
	return o.Outcome == history.OK && o.Before(x)
}

// due says whether read r has to show write x, or what came after it.
func due(x, r *history.Op) bool {
	if x.Outcome != history.OK || r.Done < x.Index {
		return false
	}
	ts := x.At.Timestamp
	switch {
	case ts != 0 && r.At.Timestamp != 0 && ts <= r.At.Timestamp:
		return true
	case ts != 0 && r.Floor != 0 && ts <= r.Floor:
		return true
	case x.Before(r) && r.Strong():
		return true
	}
	return x.Before(r) && sameSession(x, r)
}

// sameSession says whether r goes on where o was. A read at a timestamp of the past does not.
func sameSession(o, r *history.Op) bool {
	return r.Session != "" && r.Session == o.Session && r.Mode != history.AsOf
}

// early says whether read r cannot show write x, because it began later or has a later timestamp.
func early(x, r *history.Op) bool {
	if x.At.Timestamp != 0 && r.At.Timestamp != 0 && x.At.Timestamp > r.At.Timestamp {
		return true
	}
	return r.Done < x.Index
}

// overwritten returns a write that hides o from r for certain: it came after o, and r has to show
// it. A nil o stands for the state before all writes.
func overwritten(o, r *history.Op, writes []*history.Op) *history.Op {
	// From the end, because a late write hides most of the others.
	for i := len(writes) - 1; i >= 0; i-- {
		if x := writes[i]; x != o && due(x, r) && (o == nil || after(x, o)) {
			return x
		}
	}
	return nil
}

// candidates returns the writes that r may show; nil among them stands for the state before all.
func candidates(r *history.Op, writes []*history.Op) []*history.Op {
	var out []*history.Op
	if overwritten(nil, r, writes) == nil {
		out = append(out, nil)
	}
	for _, o := range writes {
		if o.Outcome != history.Fail && !early(o, r) && overwritten(o, r, writes) == nil {
			out = append(out, o)
		}
	}
	return out
}

// oked leaves the operations that were answered.
func oked(all []*history.Op) []*history.Op {
	var out []*history.Op
	for _, o := range all {
		if o.Outcome == history.OK {
			out = append(out, o)
		}
	}
	return out
}

// maybe leaves the operations that were not definitely refused.
func maybe(all []*history.Op) []*history.Op {
	var out []*history.Op
	for _, o := range all {
		if o.Outcome != history.Fail {
			out = append(out, o)
		}
	}
	return out
}
