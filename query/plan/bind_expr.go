package plan

import (
	"regexp"
	"strings"

	"github.com/codegraphdb/codegraph/query/parse"
)

// expr binds an expression.
func (b *binder) expr(e parse.Expr) Expr {
	if slot := b.grouped(e); slot != nil {
		return slot
	}
	switch e := e.(type) {
	case *parse.Int:
		return &Const{e.Value}
	case *parse.Float:
		return &Const{e.Value}
	case *parse.String:
		return &Const{e.Value}
	case *parse.Bool:
		return &Const{e.Value}
	case *parse.Null:
		return &Const{}
	case *parse.Param:
		return &Param{e.Name}
	case *parse.Variable:
		return b.variable(e)
	case *parse.Property:
		return b.property(e)
	case *parse.Index:
		return &Index{b.expr(e.Of), b.expr(e.Key)}
	case *parse.Slice:
		return &Slice{b.expr(e.Of), b.optional(e.From), b.optional(e.To)}
	case *parse.HasLabels:
		return b.hasLabels(e)
	case *parse.Unary:
		return &Unary{e.Op, b.expr(e.X)}
	case *parse.Binary:
		return b.binary(e)
	case *parse.Chain:
		return b.chain(e)
	case *parse.IsNull:
		return &IsNull{b.expr(e.X), e.Not}
	case *parse.Func:
		return b.call(e)
	case *parse.Case:
		return b.caseOf(e)
	}
	return b.compound(e)
}

// compound binds lists, maps, comprehensions and patterns.
func (b *binder) compound(e parse.Expr) Expr {
	switch e := e.(type) {
	case *parse.List:
		return &List{b.exprs(e.Items)}
	case *parse.Map:
		m := &Map{}
		for _, x := range e.Entries {
			m.Keys = append(m.Keys, x.Key.Text)
			m.Values = append(m.Values, b.expr(x.Value))
		}
		return m
	case *parse.ListComp:
		list := b.expr(e.List)
		c := &ListComp{Slot: b.element(e.Var, e.List), List: list}
		b.within(c.Slot, e.Var.Text, func() {
			c.Where, c.Yield = b.optional(e.Where), b.optional(e.Yield)
		})
		return c
	case *parse.Quantifier:
		list := b.expr(e.List)
		q := &Quantifier{Kind: e.Kind, Slot: b.element(e.Var, e.List), List: list}
		b.within(q.Slot, e.Var.Text, func() {
			if q.Where = b.optional(e.Where); q.Where == nil {
				q.Where = q.Slot
			}
		})
		return q
	case *parse.Reduce:
		r := &Reduce{Init: b.expr(e.Init), List: b.expr(e.List)}
		r.Acc, r.Slot = b.slot(e.Acc.Text, Any), b.element(e.Var, e.List)
		b.within(r.Acc, e.Acc.Text, func() {
			b.within(r.Slot, e.Var.Text, func() { r.Yield = b.expr(e.Yield) })
		})
		return r
	case *parse.Pattern:
		return b.pattern(e)
	case *parse.PatternComp:
		return b.patternComp(e)
	case *parse.Subquery:
		return b.subquery(e)
	}
	b.fail(e.Bounds(), parse.CodeUnsupported, "", "this expression is not supported")
	return nil
}

func (b *binder) optional(e parse.Expr) Expr {
	if e == nil {
		return nil
	}
	return b.expr(e)
}

func (b *binder) exprs(list []parse.Expr) []Expr {
	out := make([]Expr, len(list))
	for i, e := range list {
		out[i] = b.expr(e)
	}
	return out
}

// within binds what do binds with one more name.
func (b *binder) within(slot *Slot, name string, do func()) {
	outer, local := b.scope, b.local
	b.scope = outer.clone()
	b.scope.set(name, slot)
	b.local = slotSet{slot.N: true}
	for n := range local {
		b.local[n] = true
	}
	do()
	b.scope, b.local = outer, local
}

// element makes the slot for the elements of a list; those of nodes() and relationships() and of
// lists of edges are known.
func (b *binder) element(name parse.Name, list parse.Expr) *Slot {
	kind := Any
	switch l := list.(type) {
	case *parse.Func:
		switch strings.ToLower(l.Name.Text) {
		case "nodes":
			kind = VertexVar
		case "relationships":
			kind = EdgeVar
		}
	case *parse.Variable:
		if s := b.scope.slots[l.Name]; s != nil && s.Kind == EdgeListVar {
			kind = EdgeVar
		}
	}
	return b.slot(name.Text, kind)
}

func (b *binder) variable(e *parse.Variable) Expr {
	if b.group != nil && !b.group.inside && !b.group.sorting {
		if s := b.scope.slots[e.Name]; s != nil && !b.local[s.N] {
			b.fail(e.Span, codeAmbiguous, "project "+e.Name+" on its own, or put it into an aggregate",
				"%s stands beside an aggregate and is not one of the grouping keys", e.Name)
		}
	}
	return b.lookup(e.Span, e.Name)
}

func (b *binder) property(e *parse.Property) Expr {
	of := b.expr(e.Of)
	switch o := of.(type) {
	case *Slot:
		b.checkProperty(o.Kind, e.Key)
	case *Call:
		if f, _ := findFunction(o.Fn); f.result != Any {
			b.checkProperty(f.result, e.Key)
		}
	}
	return &Prop{of, e.Key.Text}
}

func (b *binder) hasLabels(e *parse.HasLabels) Expr {
	of := b.expr(e.Of)
	text := ""
	for i, n := range e.Labels.Names {
		switch {
		case i == 0:
			text += ":"
		case e.Labels.Any:
			text += "|"
		default:
			text += ":"
		}
		text += n.Text
	}
	if s, ok := of.(*Slot); ok && s.Kind == EdgeVar {
		return &HasType{of, b.types(e.Labels.Names), text}
	}
	return &HasKind{of, b.labels(e.Labels), text}
}

func (b *binder) binary(e *parse.Binary) Expr {
	out := &Binary{e.Op, b.expr(e.Left), b.expr(e.Right)}
	if e.Op == parse.Regex {
		if c, ok := out.R.(*Const); ok {
			if text, ok := c.Value.(string); ok {
				if _, err := regexp.Compile(text); err != nil {
					b.fail(e.Right.Bounds(), codeArgument, "the syntax is RE2's",
						"not a regular expression: %s",
						strings.TrimPrefix(err.Error(), "error parsing regexp: "))
				}
			}
		}
	}
	return out
}

// chain turns a < b <= c into a < b AND b <= c.
func (b *binder) chain(e *parse.Chain) Expr {
	left := b.expr(e.First)
	var out Expr
	for _, t := range e.Rest {
		right := b.expr(t.X)
		var one Expr = &Binary{t.Op, left, right}
		if out != nil {
			one = &Binary{parse.And, out, one}
		}
		out, left = one, right
	}
	return out
}

func (b *binder) caseOf(e *parse.Case) Expr {
	c := &Case{Subject: b.optional(e.Subject), Else: nil}
	for _, w := range e.Whens {
		c.When = append(c.When, b.expr(w.Cond))
		c.Then = append(c.Then, b.expr(w.Then))
	}
	c.Else = b.optional(e.Else)
	return c
}

func (b *binder) call(e *parse.Func) Expr {
	f, ok := findFunction(e.Name.Text)
	if !ok {
		b.fail(e.Name.Span, codeFunction, didYouMean(e.Name.Text, functionNames()),
			"there is no function %s", e.Name.Text)
	}
	if f.aggregate {
		return b.aggregate(e, f)
	}
	if e.Distinct || e.Star {
		b.fail(e.Span, codeArguments, "", "%s is not an aggregate: it takes neither * nor DISTINCT",
			f.name)
	}
	b.checkArgs(e, f)
	if f.name == "exists" {
		if p, ok := e.Args[0].(*parse.Pattern); ok {
			return b.pattern(p)
		}
		return &IsNull{b.expr(e.Args[0]), true}
	}
	c := &Call{f.name, b.exprs(e.Args)}
	b.checkKinds(e, c)
	return c
}

func (b *binder) checkArgs(e *parse.Func, f function) {
	if n := len(e.Args); n < f.min || n > f.max {
		want := counted(f.min, "argument")
		if f.max > f.min {
			want += " or more"
		}
		b.fail(e.Span, codeArguments, "", "%s takes %s, not %d", f.name, want, n)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return string(rune('0'+n)) + " " + what + "s"
}

// wants says which kind of variable some functions take, with a word for it.
var wants = map[string]struct {
	kinds []VarKind
	words string
}{
	"labels":        {[]VarKind{VertexVar}, "a vertex"},
	"type":          {[]VarKind{EdgeVar}, "an edge"},
	"nodes":         {[]VarKind{PathVar}, "a path"},
	"relationships": {[]VarKind{PathVar}, "a path"},
	"length":        {[]VarKind{PathVar}, "a path"},
	"startnode":     {[]VarKind{EdgeVar}, "an edge"},
	"endnode":       {[]VarKind{EdgeVar}, "an edge"},
	"id":            {[]VarKind{VertexVar, EdgeVar}, "a vertex or edge"},
	"elementid":     {[]VarKind{VertexVar, EdgeVar}, "a vertex or edge"},
	"size":          {[]VarKind{EdgeListVar}, "a list or string"},
}

// checkKinds refuses arguments that can never be right.
func (b *binder) checkKinds(e *parse.Func, c *Call) {
	want, ok := wants[c.Fn]
	slot, isSlot := c.Args[0].(*Slot)
	if !ok || !isSlot || slot.Kind == Any {
		return
	}
	for _, k := range want.kinds {
		if k == slot.Kind {
			return
		}
	}
	b.fail(e.Args[0].Bounds(), codeArgument, "", "%s takes %s", c.Fn, want.words)
}
