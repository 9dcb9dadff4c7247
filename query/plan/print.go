package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/parse"
)

// String shows the plan, one step a line in the order in which they run; steps that run for each
// row of another one are indented below it.
func (q *Query) String() string {
	var p printer
	for i, part := range q.Parts {
		if i > 0 {
			word := "union all"
			if q.Distinct {
				word = "union"
			}
			p.line(0, "%s", word)
		}
		p.ops(part.Ops, 0)
		p.line(0, "return %s", strings.Join(q.Columns, ", "))
	}
	return p.out.String()
}

type printer struct{ out strings.Builder }

func (p *printer) line(depth int, format string, args ...any) {
	p.out.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteByte('\n')
}

func (p *printer) ops(ops []Op, depth int) {
	for _, op := range ops {
		p.op(op, depth)
	}
}

func (p *printer) op(op Op, depth int) {
	switch op := op.(type) {
	case *Seek:
		by := "id"
		if op.Key {
			by = "key"
		}
		p.line(depth, "seek %s by %s %s %s", element(op.To, op.Kinds), by, equals(op.Many), Text(op.By))
	case *IndexScan:
		p.line(depth, "index scan %s by %s%s", element(op.To, op.Kinds), op.what(), repoText(op.Repo))
	case *KindScan:
		pointed := ""
		if op.Pointed {
			pointed = " and ends of all edges"
		}
		p.line(depth, "scan %s%s%s", element(op.To, op.Kinds), pointed, repoText(op.Repo))
	case *CountScan:
		p.line(depth, "count %s as %s%s", element(&Slot{}, op.Kinds), op.To.Name, repoText(op.Repo))
	case *Expand:
		p.line(depth, "%s %s%s", op.verb(), op.pattern(), uniqueText(op.Unique))
	case *Shortest:
		all := "shortest path"
		if op.All {
			all = "all shortest paths"
		}
		x := Expand{From: op.From, To: op.To, Edge: op.Edges, Out: op.Out, In: op.In, Types: op.Types,
			Variable: true, Min: op.Min, Max: op.Max}
		p.line(depth, "%s %s", all, x.pattern())
	case *Filter:
		p.line(depth, "filter %s", texts(op.Conds, " AND "))
	case *MakePath:
		p.line(depth, "path %s", op.To.Name)
	case *Optional:
		p.line(depth, "optional")
		p.ops(op.Sub, depth+1)
	case *Collect:
		p.line(depth, "%s %s", [...]string{"exists", "count rows", "list"}[op.Mode], op.To.Name)
		p.ops(op.Sub, depth+1)
		if op.Yield != nil {
			p.line(depth+1, "yield %s", Text(op.Yield))
		}
	default:
		p.projectionOp(op, depth)
	}
}

func (p *printer) projectionOp(op Op, depth int) {
	switch op := op.(type) {
	case *Project:
		p.line(depth, "project %s", assigns(op.Items))
	case *Aggregate:
		var aggs []string
		for _, a := range op.Aggs {
			arg := "*"
			if a.Arg != nil {
				arg = Text(a.Arg)
			}
			if a.Distinct {
				arg = "DISTINCT " + arg
			}
			aggs = append(aggs, fmt.Sprintf("%s(%s) AS %s", a.Fn, arg, a.To.Name))
		}
		by := ""
		if len(op.Keys) > 0 {
			by = " by " + assigns(op.Keys)
		}
		p.line(depth, "aggregate %s%s", strings.Join(aggs, ", "), by)
	case *Distinct:
		var names []string
		for _, s := range op.Slots {
			names = append(names, s.Name)
		}
		p.line(depth, "distinct %s", strings.Join(names, ", "))
	case *Sort:
		var keys []string
		for _, k := range op.Keys {
			text := Text(k.Expr)
			if k.Desc {
				text += " DESC"
			}
			keys = append(keys, text)
		}
		word := "sort"
		if op.Limit != nil {
			word = "top"
		}
		p.line(depth, "%s %s", word, strings.Join(keys, ", "))
	case *Skip:
		p.line(depth, "skip %s", Text(op.N))
	case *Limit:
		p.line(depth, "limit %s", Text(op.N))
	case *Unwind:
		p.line(depth, "unwind %s AS %s", Text(op.List), op.To.Name)
	}
}

func element(s *Slot, kinds graph.KindSet) string {
	text := "(" + s.Name
	if kinds != 0 {
		text += kindText(kinds)
	}
	return text + ")"
}

func equals(many bool) string {
	if many {
		return "IN"
	}
	return "="
}

func (op *IndexScan) what() string {
	name := map[graph.Index]string{graph.IndexName: "name", graph.IndexPath: "path"}[op.Index]
	switch {
	case op.Qualified:
		name = "last part of qualified_name"
	case op.Base:
		name = "last part of path"
	}
	how := [...]string{equals(op.Many), "STARTS WITH", "with"}[op.Match]
	return name + " " + how + " " + Text(op.By)
}

func repoText(e Expr) string {
	if e == nil {
		return ""
	}
	return " in repo " + Text(e)
}

func uniqueText(slots []*Slot) string {
	var names []string
	for _, s := range slots {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return " other than " + strings.Join(names, ", ")
}

func (op *Expand) verb() string {
	switch {
	case op.Reach:
		return "reach"
	case op.Variable && op.Into:
		return "trails into"
	case op.Variable:
		return "trails"
	case op.Into:
		return "expand into"
	}
	return "expand"
}

// pattern writes an edge as a pattern from where it is followed.
func (op *Expand) pattern() string {
	inner := ""
	if op.Edge != nil {
		inner = op.Edge.Name
	}
	sep := ":"
	for _, t := range graph.EdgeTypes {
		if op.Types.Has(t.Type) {
			inner += sep + t.Name
			sep = "|"
		}
	}
	if op.Variable {
		inner += fmt.Sprintf("*%d..%d", op.Min, op.Max)
	}
	left, right := "-", "-"
	if op.In && !op.Out {
		left = "<-"
	}
	if op.Out && !op.In {
		right = "->"
	}
	return fmt.Sprintf("(%s)%s[%s]%s(%s)", op.From.Name, left, inner, right, op.To.Name)
}

func assigns(items []Assign) string {
	var out []string
	for _, a := range items {
		text := Text(a.Expr)
		if text != a.To.Name {
			text += " AS " + a.To.Name
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func texts(list []Expr, sep string) string {
	var out []string
	for _, e := range list {
		out = append(out, Text(e))
	}
	return strings.Join(out, sep)
}

// Text writes a bound expression.
func Text(e Expr) string {
	switch e := e.(type) {
	case nil:
		return ""
	case *Const:
		return constText(e.Value)
	case *Param:
		return "$" + e.Name
	case *Slot:
		return e.Name
	case *Prop:
		return Text(e.Of) + "." + e.Key
	case *HasKind:
		return Text(e.Of) + e.Text
	case *HasType:
		return Text(e.Of) + e.Text
	case *Unary:
		if e.Op == parse.Not {
			return "NOT " + Text(e.X)
		}
		return e.Op.String() + Text(e.X)
	case *Binary:
		return operand(e.L) + " " + e.Op.String() + " " + operand(e.R)
	case *IsNull:
		if e.Not {
			return operand(e.X) + " IS NOT NULL"
		}
		return operand(e.X) + " IS NULL"
	case *Call:
		return e.Fn + "(" + texts(e.Args, ", ") + ")"
	}
	return compoundText(e)
}

func operand(e Expr) string {
	if _, ok := e.(*Binary); ok {
		return "(" + Text(e) + ")"
	}
	return Text(e)
}

func constText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(v)
}

func compoundText(e Expr) string {
	clause := func(word string, e Expr) string {
		if e == nil {
			return ""
		}
		return word + Text(e)
	}
	switch e := e.(type) {
	case *Index:
		return Text(e.Of) + "[" + Text(e.Key) + "]"
	case *Slice:
		return Text(e.Of) + "[" + Text(e.From) + ".." + Text(e.To) + "]"
	case *Case:
		text := "CASE" + clause(" ", e.Subject)
		for i := range e.When {
			text += " WHEN " + Text(e.When[i]) + " THEN " + Text(e.Then[i])
		}
		return text + clause(" ELSE ", e.Else) + " END"
	case *ListComp:
		return "[" + e.Slot.Name + " IN " + Text(e.List) + clause(" WHERE ", e.Where) +
			clause(" | ", e.Yield) + "]"
	case *Quantifier:
		word := [...]string{"all", "any", "none", "single"}[e.Kind]
		return word + "(" + e.Slot.Name + " IN " + Text(e.List) + clause(" WHERE ", e.Where) + ")"
	case *Reduce:
		return "reduce(" + e.Acc.Name + " = " + Text(e.Init) + ", " + e.Slot.Name + " IN " +
			Text(e.List) + " | " + Text(e.Yield) + ")"
	case *List:
		return "[" + texts(e.Items, ", ") + "]"
	case *Map:
		var out []string
		for i, k := range e.Keys {
			out = append(out, k+": "+Text(e.Values[i]))
		}
		return "{" + strings.Join(out, ", ") + "}"
	}
	return "?"
}
