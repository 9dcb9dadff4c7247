package parse

// Span is the part of the query text, in bytes, that an element of the tree was read from.
type Span struct {
	Start, End int
}

// Bounds is the span itself; every element of the tree has it by embedding.
func (s Span) Bounds() Span { return s }

// Mode says whether a query is run or explained.
type Mode uint8

// The modes.
const (
	Run Mode = iota
	Explain
	Profile
)

// Statement is a whole query, or the body of EXISTS { } and COUNT { }: parts joined by UNION.
type Statement struct {
	Span
	Mode     Mode
	Parts    []Part
	UnionAll bool   // the parts are joined by UNION ALL
	Text     string // the text that all spans of this tree point into
}

// Source is the text that a span covers.
func (s *Statement) Source(at Span) string { return s.Text[at.Start:at.End] }

// Part is a sequence of clauses. It ends with a Return, except that a part may be a single Call and
// that the body of a Subquery may end with any clause that reads.
type Part struct {
	Span
	Clauses []Clause
}

// Clause is one of *Match, *Unwind, *Call, *With, *Return.
type Clause interface {
	Bounds() Span
	clause()
}

// Match is MATCH or OPTIONAL MATCH with its WHERE.
type Match struct {
	Span
	Optional bool
	Paths    []Path
	Where    Expr // nil if absent
}

// Unwind is UNWIND list AS name.
type Unwind struct {
	Span
	List Expr
	As   Name
}

// Call is CALL of a procedure.
type Call struct {
	Span
	Procedure Name // dotted
	Implicit  bool // without parentheses: the arguments are parameters of the same names
	Args      []Expr
	Star      bool // YIELD *
	Yield     []YieldItem
	Where     Expr // nil if absent
}

// YieldItem is one column that a procedure yields. As is the zero Name if it keeps its name.
type YieldItem struct {
	Span
	Field, As Name
}

// Projection is what WITH and RETURN share. Its span is the whole clause.
type Projection struct {
	Span
	Distinct    bool
	Star        bool // * comes before Items
	Items       []Item
	OrderBy     []SortItem
	Skip, Limit Expr // nil if absent
}

// Item is one projected expression. As is the zero Name without AS; the name of the column is then
// the text of the item's span, which unlike that of Expr includes parentheses around the whole.
type Item struct {
	Span
	Expr Expr
	As   Name
}

// SortItem is one key of ORDER BY.
type SortItem struct {
	Span
	Expr       Expr
	Descending bool
}

// With is WITH and its WHERE.
type With struct {
	Projection
	Where Expr // nil if absent
}

// Return is RETURN.
type Return struct {
	Projection
}

// Name is a variable, label, type, property or alias as written, without quotes.
type Name struct {
	Span
	Text string
}

// Present tells whether the name was written; an empty name in backticks was.
func (n Name) Present() bool { return n.Text != "" || n.End > n.Start }

// Shortest says whether a path is searched for.
type Shortest uint8

// The kinds of path search.
const (
	AnyPath Shortest = iota
	ShortestPath
	AllShortestPaths
)

// Path is a path pattern: a start vertex and hops.
type Path struct {
	Span
	Var      Name // absent if the path is not named
	Shortest Shortest
	Start    VertexPattern
	Hops     []Hop
}

// Hop is an edge of a path pattern and the vertex that it leads to, in the order of the text.
type Hop struct {
	Edge EdgePattern
	To   VertexPattern
}

// VertexPattern is (name:Label {key: value}), all optional.
type VertexPattern struct {
	Span
	Var    Name
	Labels Labels
	Props  Expr // *Map, *Param or nil
}

// Labels is a condition on labels: all of the names, or any of them. No names: no condition.
type Labels struct {
	Span
	Any   bool
	Names []Name
}

// Direction is the direction of an edge pattern as it is read from left to right.
type Direction uint8

// The directions. <--> means the same as --.
const (
	Both Direction = iota
	Out
	In
)

// EdgePattern is -[name:TYPE|TYPE*1..3 {key: value}]->, all optional.
type EdgePattern struct {
	Span
	Var       Name
	Types     []Name // any of them; none: every type
	Direction Direction
	Length    Length
	Props     Expr // *Map, *Param or nil
}

// Unbounded stands for a bound of a Length that was not written.
const Unbounded = -1

// Length is the number of edges that a pattern of variable length stands for.
type Length struct {
	Span
	Variable bool // a * was written
	Min, Max int  // Unbounded if not written
}

func (*Match) clause()  {}
func (*Unwind) clause() {}
func (*Call) clause()   {}
func (*With) clause()   {}
func (*Return) clause() {}
