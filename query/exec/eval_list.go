package exec

import (
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/parse"
	"github.com/codegraphdb/codegraph/query/plan"
)

// compound computes lists, maps, and what walks over them.
func (x *run) compound(e plan.Expr, w row) (any, error) {
	switch e := e.(type) {
	case *plan.List:
		return x.evalAll(e.Items, w)
	case *plan.Map:
		values, err := x.evalAll(e.Values, w)
		if err != nil {
			return nil, err
		}
		m := make(map[string]any, len(values))
		for i, k := range e.Keys {
			m[k] = values[i]
		}
		return m, nil
	case *plan.Index:
		return x.index(e, w)
	case *plan.Slice:
		return x.slice(e, w)
	case *plan.ListComp:
		return x.listComp(e, w)
	case *plan.Quantifier:
		return x.quantifier(e, w)
	case *plan.Reduce:
		return x.reduce(e, w)
	}
	return nil, graph.Errorf(opRun, graph.KindInternal, "no way to compute %T", e)
}

func (x *run) evalAll(list []plan.Expr, w row) ([]any, error) {
	out := make([]any, len(list))
	for i, e := range list {
		v, err := x.eval(e, w)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (x *run) index(e *plan.Index, w row) (any, error) {
	of, err := x.eval(e.Of, w)
	if err != nil {
		return nil, err
	}
	key, err := x.eval(e.Key, w)
	if err != nil || of == nil || key == nil {
		return nil, err
	}
	list, ok := of.([]any)
	if !ok {
		name, ok := key.(string)
		if !ok {
			return nil, typeError("%s cannot be indexed by %s", typeName(of), typeName(key))
		}
		return x.property(of, name)
	}
	i, ok := key.(int64)
	if !ok {
		return nil, typeError("a list is indexed by an integer, not %s", typeName(key))
	}
	if i < 0 {
		i += int64(len(list))
	}
	if i < 0 || i >= int64(len(list)) {
		return nil, nil
	}
	return list[i], nil
}

func (x *run) slice(e *plan.Slice, w row) (any, error) {
	of, err := x.eval(e.Of, w)
	if err != nil || of == nil {
		return nil, err
	}
	list, ok := of.([]any)
	if !ok {
		return nil, typeError("[..] takes a list, not %s", typeName(of))
	}
	bounds := [2]int64{0, int64(len(list))}
	for i, b := range []plan.Expr{e.From, e.To} {
		if b == nil {
			continue
		}
		v, err := x.eval(b, w)
		if err != nil || v == nil {
			return nil, err
		}
		n, ok := v.(int64)
		if !ok {
			return nil, typeError("[..] takes integers, not %s", typeName(v))
		}
		if n < 0 {
			n += int64(len(list))
		}
		bounds[i] = min(max(n, 0), int64(len(list)))
	}
	if bounds[0] >= bounds[1] {
		return []any{}, nil
	}
	return list[bounds[0]:bounds[1]], nil
}

// list computes an expression that has to be a list; ok is false for null.
func (x *run) list(e plan.Expr, w row) (list []any, ok bool, err error) {
	v, err := x.eval(e, w)
	if err != nil || v == nil {
		return nil, false, err
	}
	list, ok = v.([]any)
	if !ok {
		return nil, false, typeError("a list is needed, not %s", typeName(v))
	}
	return list, true, nil
}

func (x *run) listComp(e *plan.ListComp, w row) (any, error) {
	list, ok, err := x.list(e.List, w)
	if err != nil || !ok {
		return nil, err
	}
	out := []any{}
	defer func() { w[e.Slot.N] = nil }()
	for _, v := range list {
		w[e.Slot.N] = v
		if e.Where != nil {
			if keep, err := x.eval(e.Where, w); err != nil {
				return nil, err
			} else if keep != true {
				continue
			}
		}
		if e.Yield != nil {
			if v, err = x.eval(e.Yield, w); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// quantifier counts the elements for which the condition is true, and those for which it is null.
func (x *run) quantifier(e *plan.Quantifier, w row) (any, error) {
	list, ok, err := x.list(e.List, w)
	if err != nil || !ok {
		return nil, err
	}
	yes, unknown := 0, 0
	defer func() { w[e.Slot.N] = nil }()
	for _, v := range list {
		w[e.Slot.N] = v
		hold, err := x.eval(e.Where, w)
		if err != nil {
			return nil, err
		}
		switch hold {
		case true:
			yes++
		case nil:
			unknown++
		}
	}
	no := len(list) - yes - unknown
	switch e.Kind {
	case parse.AllOf:
		return ternary(no > 0, false, unknown > 0, true), nil
	case parse.AnyOf:
		return ternary(yes > 0, true, unknown > 0, false), nil
	case parse.NoneOf:
		return ternary(yes > 0, false, unknown > 0, true), nil
	}
	return ternary(yes > 1, false, unknown > 0, yes == 1), nil
}

// ternary is a if decided, else nil if unknown, else b.
func ternary(decided bool, a bool, unknown bool, b bool) any {
	switch {
	case decided:
		return a
	case unknown:
		return nil
	}
	return b
}

func (x *run) reduce(e *plan.Reduce, w row) (any, error) {
	acc, err := x.eval(e.Init, w)
	if err != nil {
		return nil, err
	}
	list, ok, err := x.list(e.List, w)
	if err != nil || !ok {
		return nil, err
	}
	defer func() { w[e.Slot.N], w[e.Acc.N] = nil, nil }()
	for _, v := range list {
		w[e.Acc.N], w[e.Slot.N] = acc, v
		if acc, err = x.eval(e.Yield, w); err != nil {
			return nil, err
		}
	}
	return acc, nil
}
