package exec

import (
	"context"
	"math"
	"regexp"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/parse"
	"github.com/codegraphdb/codegraph/query/plan"
)

// row holds the values of the slots of a part.
type row []any

// run is one running query.
type run struct {
	r       *Reader
	params  map[string]any
	regexes map[string]*regexp.Regexp
	ctx     context.Context // of the call; a query ends with it
	width   int             // slots of a row
}

// eval computes an expression for a row.
func (x *run) eval(e plan.Expr, w row) (any, error) {
	switch e := e.(type) {
	case *plan.Const:
		return e.Value, nil
	case *plan.Slot:
		return w[e.N], nil
	case *plan.Param:
		return x.param(e.Name)
	case *plan.Prop:
		of, err := x.eval(e.Of, w)
		if err != nil {
			return nil, err
		}
		return x.property(of, e.Key)
	case *plan.HasKind:
		return x.hasKind(e, w)
	case *plan.HasType:
		of, err := x.eval(e.Of, w)
		if h, ok := of.(*edge); ok {
			return e.Types.Has(h.id.Type), err
		}
		return nil, err
	case *plan.Unary:
		return x.unary(e, w)
	case *plan.Binary:
		return x.binary(e, w)
	case *plan.IsNull:
		v, err := x.eval(e.X, w)
		return (v == nil) != e.Not, err
	case *plan.Call:
		return x.call(e, w)
	case *plan.Case:
		return x.caseOf(e, w)
	}
	return x.compound(e, w)
}

func (x *run) param(name string) (any, error) {
	v, ok := x.params[name]
	if !ok {
		return nil, graph.Errorf(opRun, graph.KindInvalid, "parameter $%s is not given", name)
	}
	return v, nil
}

func (x *run) hasKind(e *plan.HasKind, w row) (any, error) {
	of, err := x.eval(e.Of, w)
	if err != nil || of == nil {
		return nil, err
	}
	v, ok := of.(*Vertex)
	if !ok {
		return nil, typeError("%s has no labels", typeName(of))
	}
	p, err := x.props(v, false)
	if err != nil {
		return nil, err
	}
	return e.Kinds.Has(p.Kind), nil
}

// props returns the properties of a vertex. They were fetched with the batch; that they were
// dropped since is rare.
func (x *run) props(v *Vertex, doc bool) (*graph.Vertex, error) {
	if v.Props == nil || doc && !v.doc {
		if err := x.r.Fetch(x.ctx, []*Vertex{v}, doc); err != nil {
			return nil, err
		}
	}
	return v.Props, nil
}

// property returns of.key.
func (x *run) property(of any, key string) (any, error) {
	switch of := of.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return of[key], nil
	case *Vertex:
		p, err := x.props(of, key == "doc")
		if err != nil {
			return nil, err
		}
		return vertexProperty(p, key, x.r.snap), nil
	case *edge:
		if key == "line" && !of.filled {
			if err := x.r.fill(x.ctx, []*edge{of}); err != nil {
				return nil, err
			}
		}
		return x.edgeProperty(of, key)
	}
	return nil, typeError("%s has no properties", typeName(of))
}

func (x *run) unary(e *plan.Unary, w row) (any, error) {
	v, err := x.eval(e.X, w)
	if err != nil || v == nil {
		return nil, err
	}
	if e.Op == parse.Not {
		b, ok := v.(bool)
		if !ok {
			return nil, typeError("NOT takes a boolean, not %s", typeName(v))
		}
		return !b, nil
	}
	switch v := v.(type) {
	case int64:
		if e.Op == parse.Pos {
			return v, nil
		}
		if v == math.MinInt64 {
			return nil, typeError("integer overflow in -(%d)", v)
		}
		return -v, nil
	case float64:
		if e.Op == parse.Pos {
			return v, nil
		}
		return -v, nil
	}
	return nil, typeError("%s takes a number, not %s", e.Op, typeName(v))
}

func (x *run) binary(e *plan.Binary, w row) (any, error) {
	l, err := x.eval(e.L, w)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case parse.And, parse.Or, parse.Xor:
		return x.logic(e, l, w)
	}
	r, err := x.eval(e.R, w)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case parse.Eq:
		return equal(l, r), nil
	case parse.Neq:
		if b, ok := equal(l, r).(bool); ok {
			return !b, nil
		}
		return nil, nil
	case parse.Lt, parse.Le, parse.Gt, parse.Ge:
		return inequality(e.Op, l, r), nil
	case parse.MemberOf:
		return member(l, r)
	case parse.StartsWith, parse.EndsWith, parse.Contains, parse.Regex:
		return x.textMatch(e.Op, l, r)
	}
	return arithmetic(e.Op, l, r)
}

// logic is AND, OR and XOR over true, false and null.
func (x *run) logic(e *plan.Binary, l any, w row) (any, error) {
	lb, lok := l.(bool)
	if !lok && l != nil {
		return nil, typeError("%s takes booleans, not %s", e.Op, typeName(l))
	}
	if lok && (e.Op == parse.And && !lb || e.Op == parse.Or && lb) {
		return lb, nil
	}
	r, err := x.eval(e.R, w)
	if err != nil {
		return nil, err
	}
	rb, rok := r.(bool)
	if !rok && r != nil {
		return nil, typeError("%s takes booleans, not %s", e.Op, typeName(r))
	}
	switch {
	case rok && (e.Op == parse.And && !rb || e.Op == parse.Or && rb):
		return rb, nil
	case !lok || !rok:
		return nil, nil
	case e.Op == parse.Xor:
		return lb != rb, nil
	}
	return rb, nil
}

func inequality(op parse.Op, l, r any) any {
	if l == nil || r == nil {
		return nil
	}
	c, ok := compare(l, r)
	if !ok {
		if numeric(l) && numeric(r) { // NaN
			return false
		}
		return nil
	}
	switch op {
	case parse.Lt:
		return c < 0
	case parse.Le:
		return c <= 0
	case parse.Gt:
		return c > 0
	}
	return c >= 0
}

// member is l IN r.
func member(l, r any) (any, error) {
	if r == nil {
		return nil, nil
	}
	list, ok := r.([]any)
	if !ok {
		return nil, typeError("IN takes a list, not %s", typeName(r))
	}
	var result any = false
	for _, v := range list {
		switch equal(l, v) {
		case true:
			return true, nil
		case nil:
			result = nil
		}
	}
	return result, nil
}

func (x *run) textMatch(op parse.Op, l, r any) (any, error) {
	s, ok := l.(string)
	t, ok2 := r.(string)
	if !ok || !ok2 {
		return nil, nil
	}
	switch op {
	case parse.StartsWith:
		return strings.HasPrefix(s, t), nil
	case parse.EndsWith:
		return strings.HasSuffix(s, t), nil
	case parse.Contains:
		return strings.Contains(s, t), nil
	}
	re := x.regexes[t]
	if re == nil {
		var err error
		if re, err = regexp.Compile("^(?:" + t + ")$"); err != nil {
			return nil, typeError("not a regular expression: %q", t)
		}
		if x.regexes == nil {
			x.regexes = map[string]*regexp.Regexp{}
		}
		x.regexes[t] = re
	}
	return re.MatchString(s), nil
}

func (x *run) caseOf(e *plan.Case, w row) (any, error) {
	var subject any
	if e.Subject != nil {
		var err error
		if subject, err = x.eval(e.Subject, w); err != nil {
			return nil, err
		}
	}
	for i, when := range e.When {
		v, err := x.eval(when, w)
		if err != nil {
			return nil, err
		}
		if e.Subject != nil {
			v = equal(subject, v)
		}
		if v == true {
			return x.eval(e.Then[i], w)
		}
	}
	if e.Else == nil {
		return nil, nil
	}
	return x.eval(e.Else, w)
}

// arithmetic computes + - * / % ^ and ||.
func arithmetic(op parse.Op, l, r any) (any, error) {
	if list, ok := l.([]any); ok && (op == parse.Add || op == parse.Concat) {
		return concat(list, r), nil
	}
	if list, ok := r.([]any); ok && (op == parse.Add || op == parse.Concat) {
		return append([]any{l}, list...), nil
	}
	if l == nil || r == nil {
		return nil, nil
	}
	if op == parse.Add || op == parse.Concat {
		_, ls := l.(string)
		_, rs := r.(string)
		a, aok := stringOf(l)
		b, bok := stringOf(r)
		if (ls || rs) && aok && bok {
			return a + b, nil
		}
	}
	if !numeric(l) || !numeric(r) || op == parse.Concat {
		return nil, typeError("%s is not defined for %s and %s", op, typeName(l), typeName(r))
	}
	a, aInt := l.(int64)
	b, bInt := r.(int64)
	if aInt && bInt && op != parse.Pow {
		return intArithmetic(op, a, b)
	}
	f, g := toFloat(l), toFloat(r)
	switch op {
	case parse.Add:
		return f + g, nil
	case parse.Sub:
		return f - g, nil
	case parse.Mul:
		return f * g, nil
	case parse.Div:
		return f / g, nil
	case parse.Mod:
		return math.Mod(f, g), nil
	}
	return math.Pow(f, g), nil
}

func concat(list []any, r any) any {
	out := append(make([]any, 0, len(list)+1), list...)
	if more, ok := r.([]any); ok {
		return append(out, more...)
	}
	return append(out, r)
}

func intArithmetic(op parse.Op, a, b int64) (any, error) {
	overflow := false
	var c int64
	switch op {
	case parse.Add:
		c = a + b
		overflow = (c > a) != (b > 0) && b != 0
	case parse.Sub:
		c = a - b
		overflow = (c < a) != (b > 0) && b != 0
	case parse.Mul:
		c = a * b
		overflow = a != 0 && (c/a != b || a == -1 && b == math.MinInt64)
	default:
		if b == 0 {
			return nil, typeError("division by zero")
		}
		if op == parse.Mod {
			return a % b, nil
		}
		c = a / b
		overflow = a == math.MinInt64 && b == -1
	}
	if overflow {
		return nil, typeError("integer overflow in %d %s %d", a, op, b)
	}
	return c, nil
}
