package parse

import "strconv"

// String prints the query on one line, with only the parentheses it needs (invariant P4). The names
// of columns without AS may differ, since they are texts of expressions.
func (s *Statement) String() string {
	var w printer
	switch s.Mode {
	case Explain:
		w.str("EXPLAIN ")
	case Profile:
		w.str("PROFILE ")
	}
	w.statement(s)
	return string(w.out)
}

// ExprString prints an expression.
func ExprString(e Expr) string {
	var w printer
	w.expr(e, precOr)
	return string(w.out)
}

// PathString prints a path pattern.
func PathString(path *Path) string {
	var w printer
	w.path(path)
	return string(w.out)
}

// printer collects text. barStops is the parser's: where it is set, alternatives of labels need
// parentheses.
type printer struct {
	out      []byte
	barStops bool
}

func (w *printer) str(s string) { w.out = append(w.out, s...) }

// sep prints a comma before all but the first element.
func (w *printer) sep(i int) {
	if i > 0 {
		w.str(", ")
	}
}

// variable prints the name of a variable.
func (w *printer) variable(name string) {
	if !plainName(name, true) {
		name = quoteName(name)
	}
	w.str(name)
}

// name prints a label, type, property or key.
func (w *printer) name(name string) {
	if !plainName(name, false) {
		name = quoteName(name)
	}
	w.str(name)
}

func (w *printer) statement(s *Statement) {
	for i := range s.Parts {
		if i > 0 && s.UnionAll {
			w.str(" UNION ALL ")
		} else if i > 0 {
			w.str(" UNION ")
		}
		for j, c := range s.Parts[i].Clauses {
			if j > 0 {
				w.str(" ")
			}
			w.clause(c)
		}
	}
}

func (w *printer) clause(c Clause) {
	switch c := c.(type) {
	case *Match:
		w.match(c)
	case *Unwind:
		w.str("UNWIND ")
		w.expr(c.List, precOr)
		w.as(c.As)
	case *Call:
		w.call(c)
	case *With:
		w.str("WITH")
		w.projection(&c.Projection)
		w.where(c.Where)
	case *Return:
		w.str("RETURN")
		w.projection(&c.Projection)
	}
}

func (w *printer) match(m *Match) {
	if m.Optional {
		w.str("OPTIONAL ")
	}
	w.str("MATCH ")
	for i := range m.Paths {
		w.sep(i)
		w.path(&m.Paths[i])
	}
	w.where(m.Where)
}

func (w *printer) where(e Expr) {
	if e != nil {
		w.str(" WHERE ")
		w.expr(e, precOr)
	}
}

func (w *printer) as(n Name) {
	if n.Present() {
		w.str(" AS ")
		w.variable(n.Text)
	}
}

func (w *printer) call(c *Call) {
	w.str("CALL ")
	w.str(c.Procedure.Text)
	if !c.Implicit {
		w.str("(")
		w.list(c.Args)
		w.str(")")
	}
	if c.Star {
		w.str(" YIELD *")
	}
	for i, y := range c.Yield {
		if i == 0 {
			w.str(" YIELD ")
		}
		w.sep(i)
		w.variable(y.Field.Text)
		w.as(y.As)
	}
	w.where(c.Where)
}

func (w *printer) projection(p *Projection) {
	if p.Distinct {
		w.str(" DISTINCT")
	}
	w.str(" ")
	if p.Star {
		w.str("*")
	}
	for i, item := range p.Items {
		if i > 0 || p.Star {
			w.str(", ")
		}
		w.expr(item.Expr, precOr)
		w.as(item.As)
	}
	for i, item := range p.OrderBy {
		if i == 0 {
			w.str(" ORDER BY ")
		}
		w.sep(i)
		w.expr(item.Expr, precOr)
		if item.Descending {
			w.str(" DESC")
		}
	}
	w.bound(" SKIP ", p.Skip)
	w.bound(" LIMIT ", p.Limit)
}

func (w *printer) bound(word string, e Expr) {
	if e != nil {
		w.str(word)
		w.expr(e, precOr)
	}
}

func (w *printer) path(p *Path) {
	if p.Var.Present() {
		w.variable(p.Var.Text)
		w.str(" = ")
	}
	switch p.Shortest {
	case ShortestPath:
		w.str("shortestPath(")
	case AllShortestPaths:
		w.str("allShortestPaths(")
	}
	w.vertex(&p.Start)
	for i := range p.Hops {
		w.edge(&p.Hops[i].Edge)
		w.vertex(&p.Hops[i].To)
	}
	if p.Shortest != AnyPath {
		w.str(")")
	}
}

func (w *printer) vertex(v *VertexPattern) {
	w.str("(")
	if v.Var.Present() {
		w.variable(v.Var.Text)
	}
	w.labels(v.Labels)
	w.props(v.Props, v.Var.Present() || len(v.Labels.Names) > 0)
	w.str(")")
}

func (w *printer) labels(l Labels) {
	for i, n := range l.Names {
		if i > 0 && l.Any {
			w.str("|")
		} else {
			w.str(":")
		}
		w.name(n.Text)
	}
}

// props prints the properties of a pattern; space says whether something stands before them.
func (w *printer) props(e Expr, space bool) {
	if e == nil {
		return
	}
	if space {
		w.str(" ")
	}
	w.expr(e, precPrimary)
}

func (w *printer) edge(e *EdgePattern) {
	if e.Direction == In {
		w.str("<")
	}
	w.str("-")
	if e.Var.Present() || len(e.Types) > 0 || e.Length.Variable || e.Props != nil {
		w.str("[")
		if e.Var.Present() {
			w.variable(e.Var.Text)
		}
		w.labels(Labels{Any: true, Names: e.Types})
		w.length(e.Length)
		w.props(e.Props, len(w.out) > 0 && w.out[len(w.out)-1] != '[')
		w.str("]")
	}
	w.str("-")
	if e.Direction == Out {
		w.str(">")
	}
}

func (w *printer) length(l Length) {
	if !l.Variable {
		return
	}
	w.str("*")
	if l.Min != Unbounded {
		w.out = strconv.AppendInt(w.out, int64(l.Min), 10)
	}
	if l.Min == l.Max {
		return
	}
	w.str("..")
	if l.Max != Unbounded {
		w.out = strconv.AppendInt(w.out, int64(l.Max), 10)
	}
}
