package exec

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/codegraphdb/codegraph/query/plan"
)

// call computes a function. All but coalesce give null for a null argument.
func (x *run) call(e *plan.Call, w row) (any, error) {
	if e.Fn == "coalesce" {
		for _, a := range e.Args {
			if v, err := x.eval(a, w); v != nil || err != nil {
				return v, err
			}
		}
		return nil, nil
	}
	args, err := x.evalAll(e.Args, w)
	if err != nil {
		return nil, err
	}
	if slices.Contains(args, nil) {
		return nil, nil
	}
	switch e.Fn {
	case "id", "elementid", "labels", "type", "properties", "keys", "nodes", "relationships",
		"startnode", "endnode":
		return x.graphFunction(e.Fn, args[0])
	case "size", "length", "head", "last", "tail", "range", "reverse":
		return listFunction(e.Fn, args)
	case "abs", "ceil", "floor", "round", "sign", "sqrt":
		return mathFunction(e.Fn, args[0])
	case "tostring", "tointeger", "tofloat", "toboolean":
		return convert(e.Fn, args[0])
	}
	return textFunction(e.Fn, args)
}

func badArgument(fn string, v any) error {
	return typeError("%s does not take %s", fn, typeName(v))
}

func (x *run) graphFunction(fn string, v any) (any, error) {
	switch v := v.(type) {
	case *Vertex:
		switch fn {
		case "id", "elementid":
			return v.ID.String(), nil
		case "labels":
			p, err := x.props(v, false)
			if err != nil {
				return nil, err
			}
			return []any{p.Kind.String()}, nil
		}
	case *edge:
		switch fn {
		case "id", "elementid":
			return v.id.Src.ID.String() + ":" + v.id.Type.String() + ":" + v.id.Dst.ID.String(), nil
		case "type":
			return v.id.Type.String(), nil
		case "startnode":
			return v.id.Src, nil
		case "endnode":
			return v.id.Dst, nil
		}
	case *route:
		switch fn {
		case "nodes":
			return anyList(v.vertices), nil
		case "relationships":
			return anyList(v.edges), nil
		}
	}
	if fn != "properties" && fn != "keys" {
		return nil, badArgument(fn, v)
	}
	props, err := x.properties(v)
	if err != nil || fn == "properties" {
		return props, err
	}
	keys := make([]any, 0, len(props))
	for k := range props {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, order)
	return keys, nil
}

func anyList[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func listFunction(fn string, args []any) (any, error) {
	switch v := args[0].(type) {
	case []any:
		switch {
		case fn == "size":
			return int64(len(v)), nil
		case fn == "tail":
			return v[min(1, len(v)):], nil
		case fn == "reverse":
			out := slices.Clone(v)
			slices.Reverse(out)
			return out, nil
		case len(v) == 0 && (fn == "head" || fn == "last"):
			return nil, nil
		case fn == "head":
			return v[0], nil
		case fn == "last":
			return v[len(v)-1], nil
		}
	case string:
		switch fn {
		case "size":
			return int64(utf8.RuneCountInString(v)), nil
		case "reverse":
			out := []rune(v)
			slices.Reverse(out)
			return string(out), nil
		}
	case *route:
		if fn == "length" {
			return int64(len(v.edges)), nil
		}
	case int64:
		if fn == "range" {
			return rangeList(args)
		}
	}
	return nil, badArgument(fn, args[0])
}

// maxRange bounds the length of what range makes.
const maxRange = 1_000_000

func rangeList(args []any) (any, error) {
	step := int64(1)
	for _, a := range args {
		if _, ok := a.(int64); !ok {
			return nil, badArgument("range", a)
		}
	}
	if len(args) == 3 {
		step = args[2].(int64)
	}
	from, to := args[0].(int64), args[1].(int64)
	if step == 0 {
		return nil, typeError("the step of range cannot be 0")
	}
	out := []any{}
	for i := from; step > 0 && i <= to || step < 0 && i >= to; i += step {
		if len(out) == maxRange {
			return nil, typeError("range makes at most %d numbers", maxRange)
		}
		out = append(out, i)
	}
	return out, nil
}

func mathFunction(fn string, v any) (any, error) {
	if !numeric(v) {
		return nil, badArgument(fn, v)
	}
	n, isInt := v.(int64)
	f := toFloat(v)
	switch fn {
	case "abs":
		if isInt {
			return max(n, -n), nil
		}
		return math.Abs(f), nil
	case "sign":
		switch {
		case f > 0:
			return int64(1), nil
		case f < 0:
			return int64(-1), nil
		}
		return int64(0), nil
	case "ceil":
		return math.Ceil(f), nil
	case "floor":
		return math.Floor(f), nil
	case "round":
		return math.Floor(f + 0.5), nil
	}
	return math.Sqrt(f), nil
}

// convert is toString and its kin. A text that does not read as the type gives null.
func convert(fn string, v any) (any, error) {
	s, isText := v.(string)
	s = strings.TrimSpace(s)
	switch fn {
	case "tostring":
		if t, ok := stringOf(v); ok {
			return t, nil
		}
	case "toboolean":
		switch {
		case isText:
			if b, ok := map[string]bool{"true": true, "false": false}[strings.ToLower(s)]; ok {
				return b, nil
			}
			return nil, nil
		}
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case "tofloat":
		if isText {
			if f, err := strconv.ParseFloat(s, 64); err == nil {
				return f, nil
			}
			return nil, nil
		}
		if numeric(v) {
			return toFloat(v), nil
		}
	case "tointeger":
		return toInteger(v, s, isText)
	}
	return nil, badArgument(fn, v)
}

func toInteger(v any, s string, isText bool) (any, error) {
	if isText {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, nil
		}
		v = f
	}
	switch v := v.(type) {
	case int64:
		return v, nil
	case bool:
		return map[bool]int64{true: 1}[v], nil
	case float64:
		if math.IsNaN(v) || v >= math.MaxInt64 || v < math.MinInt64 {
			return nil, nil
		}
		return int64(v), nil
	}
	return nil, badArgument("tointeger", v)
}

func textFunction(fn string, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, badArgument(fn, args[0])
	}
	switch fn {
	case "tolower":
		return strings.ToLower(s), nil
	case "toupper":
		return strings.ToUpper(s), nil
	case "trim":
		return strings.TrimSpace(s), nil
	case "ltrim":
		return strings.TrimLeft(s, " \t\r\n"), nil
	case "rtrim":
		return strings.TrimRight(s, " \t\r\n"), nil
	case "split", "replace":
		return splitReplace(fn, s, args)
	}
	return cutText(fn, s, args)
}

func splitReplace(fn, s string, args []any) (any, error) {
	var texts []string
	for _, a := range args[1:] {
		t, ok := a.(string)
		if !ok {
			return nil, badArgument(fn, a)
		}
		texts = append(texts, t)
	}
	if fn == "split" {
		return anyList(strings.Split(s, texts[0])), nil
	}
	return strings.ReplaceAll(s, texts[0], texts[1]), nil
}

// cutText is substring, left and right; they count characters.
func cutText(fn, s string, args []any) (any, error) {
	var n []int
	for _, a := range args[1:] {
		i, ok := a.(int64)
		if !ok {
			return nil, badArgument(fn, a)
		}
		if i < 0 {
			return nil, typeError("%s does not take a negative number", fn)
		}
		n = append(n, int(min(i, math.MaxInt32)))
	}
	runes := []rune(s)
	all := len(runes)
	switch {
	case fn == "left":
		return string(runes[:min(n[0], all)]), nil
	case fn == "right":
		return string(runes[max(all-n[0], 0):]), nil
	case len(n) == 1:
		return string(runes[min(n[0], all):]), nil
	}
	from := min(n[0], all)
	return string(runes[from:min(from+n[1], all)]), nil
}
