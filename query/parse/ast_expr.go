package parse

// Expr is one of *Int, *Float, *String, *Bool, *Null, *List, *Map, *Param, *Variable, *Property,
// *Index, *Slice, *HasLabels, *Unary, *Binary, *Chain, *IsNull, *Func, *Case, *ListComp,
// *PatternComp, *Quantifier, *Reduce, *Pattern, *Subquery.
type Expr interface {
	Bounds() Span
	expr()
}

// Int is a whole number; a minus sign right before it is part of it.
type Int struct {
	Span
	Value int64
}

// Float is a floating-point number; a minus sign right before it is part of it.
type Float struct {
	Span
	Value float64
}

// String is a string with its escapes decoded.
type String struct {
	Span
	Value string
}

// Bool is true or false.
type Bool struct {
	Span
	Value bool
}

// Null is null.
type Null struct {
	Span
}

// List is [a, b].
type List struct {
	Span
	Items []Expr
}

// Map is {key: value}.
type Map struct {
	Span
	Entries []MapEntry
}

// MapEntry is one key of a Map, in the order of the text.
type MapEntry struct {
	Key   Name
	Value Expr
}

// Param is $name.
type Param struct {
	Span
	Name string
}

// Variable is a name standing for its value.
type Variable struct {
	Span
	Name string
}

// Property is of.key.
type Property struct {
	Span
	Of  Expr
	Key Name
}

// Index is of[key].
type Index struct {
	Span
	Of, Key Expr
}

// Slice is of[from..to].
type Slice struct {
	Span
	Of       Expr
	From, To Expr // nil if absent
}

// HasLabels is of:Label, a predicate on a vertex (labels) or an edge (type).
type HasLabels struct {
	Span
	Of     Expr
	Labels Labels
}

// Unary is an operator before its operand.
type Unary struct {
	Span
	Op Op // Not, Neg or Pos
	X  Expr
}

// Binary is an operator between two operands.
type Binary struct {
	Span
	Op          Op
	Left, Right Expr
}

// Chain is a comparison of three operands or more: a < b <= c holds when both comparisons do.
type Chain struct {
	Span
	First Expr
	Rest  []ChainTerm
}

// ChainTerm is one comparison of a Chain with its right operand.
type ChainTerm struct {
	Op Op
	X  Expr
}

// IsNull is x IS NULL or x IS NOT NULL.
type IsNull struct {
	Span
	X   Expr
	Not bool
}

// Func is the call of a function or aggregate.
type Func struct {
	Span
	Name     Name // dotted, as written
	Distinct bool
	Star     bool // count(*)
	Args     []Expr
}

// Case is CASE [subject] WHEN ... THEN ... ELSE ... END.
type Case struct {
	Span
	Subject Expr // nil if absent
	Whens   []When
	Else    Expr // nil if absent
}

// When is one alternative of a Case.
type When struct {
	Span
	Cond, Then Expr
}

// ListComp is [var IN list WHERE cond | yield].
type ListComp struct {
	Span
	Var   Name
	List  Expr
	Where Expr // nil if absent
	Yield Expr // nil if absent: the elements themselves
}

// PatternComp is [path WHERE cond | yield].
type PatternComp struct {
	Span
	Path  Path
	Where Expr // nil if absent
	Yield Expr
}

// QuantifierKind is the word of a Quantifier.
type QuantifierKind uint8

// The quantifiers.
const (
	AllOf QuantifierKind = iota
	AnyOf
	NoneOf
	OneOf
)

// Quantifier is all(var IN list WHERE cond) and its kin.
type Quantifier struct {
	Span
	Kind  QuantifierKind
	Var   Name
	List  Expr
	Where Expr // nil if absent: the elements themselves
}

// Reduce is reduce(acc = init, var IN list | yield).
type Reduce struct {
	Span
	Acc         Name
	Init        Expr
	Var         Name
	List, Yield Expr
}

// Pattern is a path pattern used as an expression: a predicate that holds if it matches, or, with
// Path.Shortest, the path or paths found.
type Pattern struct {
	Span
	Path Path
}

// SubqueryKind is the word before the braces of a Subquery.
type SubqueryKind uint8

// The subqueries.
const (
	ExistsIn SubqueryKind = iota
	CountOf
)

// Subquery is EXISTS { } or COUNT { }. A body that is only a pattern reads as a single Match.
type Subquery struct {
	Span
	Kind SubqueryKind
	Body *Statement
}

// Op is an operator.
type Op uint8

// The operators, weakest first.
const (
	NoOp Op = iota
	Or
	Xor
	And
	Not
	Eq
	Neq
	Lt
	Le
	Gt
	Ge
	MemberOf
	StartsWith
	EndsWith
	Contains
	Regex
	Add
	Sub
	Concat
	Mul
	Div
	Mod
	Pow
	Neg
	Pos
	opCount
)

var opNames = [opCount]string{
	Or: "OR", Xor: "XOR", And: "AND", Not: "NOT", Eq: "=", Neq: "<>", Lt: "<", Le: "<=",
	Gt: ">", Ge: ">=", MemberOf: "IN", StartsWith: "STARTS WITH", EndsWith: "ENDS WITH",
	Contains: "CONTAINS", Regex: "=~", Add: "+", Sub: "-", Concat: "||", Mul: "*", Div: "/",
	Mod: "%", Pow: "^", Neg: "-", Pos: "+",
}

// String is the operator as it is written.
func (o Op) String() string { return opNames[o] }

// Comparison tells whether the operator is one of = <> < <= > >=.
func (o Op) Comparison() bool { return o >= Eq && o <= Ge }

func (*Int) expr()         {}
func (*Float) expr()       {}
func (*String) expr()      {}
func (*Bool) expr()        {}
func (*Null) expr()        {}
func (*List) expr()        {}
func (*Map) expr()         {}
func (*Param) expr()       {}
func (*Variable) expr()    {}
func (*Property) expr()    {}
func (*Index) expr()       {}
func (*Slice) expr()       {}
func (*HasLabels) expr()   {}
func (*Unary) expr()       {}
func (*Binary) expr()      {}
func (*Chain) expr()       {}
func (*IsNull) expr()      {}
func (*Func) expr()        {}
func (*Case) expr()        {}
func (*ListComp) expr()    {}
func (*PatternComp) expr() {}
func (*Quantifier) expr()  {}
func (*Reduce) expr()      {}
func (*Pattern) expr()     {}
func (*Subquery) expr()    {}
