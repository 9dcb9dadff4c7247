package plan

import (
	"slices"
	"strings"
)

// function is what is known of a function before the query runs.
type function struct {
	name      string
	min, max  int
	aggregate bool
	result    VarKind
}

// functions lists what may be called, by name in lower case; it is never written.
var functions = []function{
	{name: "abs", min: 1, max: 1}, {name: "ceil", min: 1, max: 1},
	{name: "coalesce", min: 1, max: 1000}, {name: "elementid", min: 1, max: 1},
	{name: "endnode", min: 1, max: 1, result: VertexVar}, {name: "exists", min: 1, max: 1},
	{name: "floor", min: 1, max: 1}, {name: "head", min: 1, max: 1},
	{name: "id", min: 1, max: 1}, {name: "keys", min: 1, max: 1},
	{name: "labels", min: 1, max: 1}, {name: "last", min: 1, max: 1},
	{name: "left", min: 2, max: 2}, {name: "length", min: 1, max: 1},
	{name: "ltrim", min: 1, max: 1}, {name: "nodes", min: 1, max: 1},
	{name: "properties", min: 1, max: 1}, {name: "range", min: 2, max: 3},
	{name: "relationships", min: 1, max: 1}, {name: "replace", min: 3, max: 3},
	{name: "reverse", min: 1, max: 1}, {name: "right", min: 2, max: 2},
	{name: "round", min: 1, max: 1}, {name: "rtrim", min: 1, max: 1},
	{name: "sign", min: 1, max: 1}, {name: "size", min: 1, max: 1},
	{name: "split", min: 2, max: 2}, {name: "sqrt", min: 1, max: 1},
	{name: "startnode", min: 1, max: 1, result: VertexVar}, {name: "substring", min: 2, max: 3},
	{name: "tail", min: 1, max: 1}, {name: "toboolean", min: 1, max: 1},
	{name: "tofloat", min: 1, max: 1}, {name: "tointeger", min: 1, max: 1},
	{name: "tolower", min: 1, max: 1}, {name: "tostring", min: 1, max: 1},
	{name: "toupper", min: 1, max: 1}, {name: "trim", min: 1, max: 1},
	{name: "type", min: 1, max: 1},
	{name: "avg", min: 1, max: 1, aggregate: true},
	{name: "collect", min: 1, max: 1, aggregate: true},
	{name: "count", min: 1, max: 1, aggregate: true},
	{name: "max", min: 1, max: 1, aggregate: true},
	{name: "min", min: 1, max: 1, aggregate: true},
	{name: "sum", min: 1, max: 1, aggregate: true},
}

// findFunction finds a function by its name in any case.
func findFunction(name string) (function, bool) {
	lower := strings.ToLower(name)
	i := slices.IndexFunc(functions, func(f function) bool { return f.name == lower })
	if i < 0 {
		return function{}, false
	}
	return functions[i], true
}

func functionNames() []string {
	var out []string
	for _, f := range functions {
		out = append(out, f.name)
	}
	return out
}
