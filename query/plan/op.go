package plan

import (
	"github.com/codegraphdb/codegraph/graph"
)

// Query is a plan.
type Query struct {
	Columns  []string
	Parts    []*Part
	Distinct bool // UNION without ALL
	Explain  bool
	Profile  bool
	Calls    bool // edges of type CALLS are followed
}

// Part is a sequence of steps over rows of Width slots; Out are the slots of the columns.
type Part struct {
	Ops   []Op
	Width int
	Out   []int
}

// Op is one step: *Seek, *IndexScan, *KindScan, *CountScan, *Expand, *Shortest, *Filter, *MakePath,
// *Project, *Aggregate, *Distinct, *Sort, *Skip, *Limit, *Unwind, *Optional or *Collect. A step
// takes rows and gives rows; the first one takes one row of nulls.
type Op interface{ step() }

// Seek finds vertices by key or id. Where Many is set, By is a list.
type Seek struct {
	To    *Slot
	Key   bool // By is a symbol key, not an id
	By    Expr
	Many  bool
	Kinds graph.KindSet
}

// IndexScan finds vertices by an index of texts. Where Many is set, By is a list.
type IndexScan struct {
	To        *Slot
	Index     graph.Index
	Match     graph.Match
	By        Expr
	Many      bool
	Qualified bool // By is a qualified name: its last part is looked up
	Base      bool // By is a path: its last part is looked up
	Kinds     graph.KindSet
	Repo      Expr // name of a repository; nil means any
}

// KindScan finds vertices by label.
type KindScan struct {
	To      *Slot
	Kinds   graph.KindSet
	Repo    Expr
	Pointed bool // also vertices that are only pointed at: the edges of all vertices are read
}

// CountScan counts what KindScan would find.
type CountScan struct {
	To    *Slot
	Kinds graph.KindSet
	Repo  Expr
}

// Expand follows edges from a vertex.
type Expand struct {
	From, To *Slot
	Edge     *Slot // the edge, or, where Variable is set, the list of edges; nil if nobody asks
	Into     bool  // To is bound: keep what leads there
	Out, In  bool
	Types    graph.EdgeSet
	Unique   []*Slot // edges of the same MATCH, or lists of them: must be others
	Variable bool
	Min, Max int
	Reach    bool // each end once: trails are not enumerated
	Reverse  bool // the pattern reads from To to From: turn the list of edges round
}

// Shortest finds a shortest path between two bound vertices.
type Shortest struct {
	From, To *Slot
	Edges    *Slot
	Out, In  bool
	Types    graph.EdgeSet
	Min, Max int
	All      bool
}

// Filter keeps the rows for which all conditions are true.
type Filter struct{ Conds []Expr }

// PathHop is an edge, or a list of edges, of a path and the vertex that it leads to.
type PathHop struct {
	Edge, To *Slot
	Variable bool
}

// MakePath puts a path together.
type MakePath struct {
	To    *Slot
	Start *Slot
	Hops  []PathHop
}

// Assign computes a value.
type Assign struct {
	To   *Slot
	Expr Expr
}

// Project computes values.
type Project struct{ Items []Assign }

// Agg is one aggregate. A nil Arg stands for count(*). Extra is the second argument of percentiles.
type Agg struct {
	To         *Slot
	Fn         string
	Distinct   bool
	Arg, Extra Expr
}

// Aggregate groups rows by keys.
type Aggregate struct {
	Keys []Assign
	Aggs []Agg
}

// Distinct keeps the first of equal rows.
type Distinct struct{ Slots []*Slot }

// SortKey is one key of Sort.
type SortKey struct {
	Expr Expr
	Desc bool
}

// Sort orders rows; Limit, if not nil, is how many are needed, and Skip how many of them are left
// out later.
type Sort struct {
	Keys        []SortKey
	Skip, Limit Expr
}

// Skip leaves out the first rows.
type Skip struct{ N Expr }

// Limit keeps the first rows.
type Limit struct{ N Expr }

// Unwind makes a row of each element of a list.
type Unwind struct {
	To   *Slot
	List Expr
}

// Optional runs steps for each row and keeps the row, with nulls, where they give none. Row is the
// slot by which results find their row.
type Optional struct {
	Sub   []Op
	Row   *Slot
	Nulls []*Slot
}

// CollectMode says what Collect makes of the rows.
type CollectMode uint8

// The modes of Collect.
const (
	CollectExists CollectMode = iota
	CollectCount
	CollectList
)

// Collect runs steps for each row and stores whether they give a row, how many, or a list of Yield.
type Collect struct {
	To    *Slot
	Mode  CollectMode
	Sub   []Op
	Row   *Slot
	Yield Expr
}

func (*Seek) step()      {}
func (*IndexScan) step() {}
func (*KindScan) step()  {}
func (*CountScan) step() {}
func (*Expand) step()    {}
func (*Shortest) step()  {}
func (*Filter) step()    {}
func (*MakePath) step()  {}
func (*Project) step()   {}
func (*Aggregate) step() {}
func (*Distinct) step()  {}
func (*Sort) step()      {}
func (*Skip) step()      {}
func (*Limit) step()     {}
func (*Unwind) step()    {}
func (*Optional) step()  {}
func (*Collect) step()   {}
