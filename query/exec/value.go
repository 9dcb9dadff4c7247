package exec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// While a query runs, values are nil, bool, int64, float64, string, []any, map[string]any, *Vertex,
// *edge and *route.

// edge is an edge as a running query holds it.
type edge struct {
	id         EdgeID
	resolution graph.Resolution
	provenance graph.Provenance
	confidence uint8
	count      uint32
	filled     bool            // sites were read, and with them the evidence
	half       *graph.HalfEdge // where the sites are
}

// route is a path as a running query holds it.
type route struct {
	vertices []*Vertex
	edges    []*edge
}

// typeName is the name of a value's type for messages.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	case *Vertex:
		return "a vertex"
	case *edge:
		return "an edge"
	case *route:
		return "a path"
	}
	return fmt.Sprintf("%T", v)
}

func typeError(format string, args ...any) error {
	return graph.Errorf(opRun, graph.KindInvalid, format, args...)
}

// equal compares as = does: true, false, or nil where a null decides.
func equal(a, b any) any {
	if a == nil || b == nil {
		return nil
	}
	switch a := a.(type) {
	case []any:
		if b, ok := b.([]any); ok {
			return equalLists(a, b)
		}
		return false
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			return equalMaps(a, b)
		}
		return false
	case *edge:
		b, ok := b.(*edge)
		return ok && a.id == b.id
	case *route:
		b, ok := b.(*route)
		return ok && compareRoutes(a, b) == 0
	}
	if numeric(a) && numeric(b) {
		c, ok := compareNumbers(a, b)
		return ok && c == 0
	}
	return a == b
}

func equalLists(a, b []any) any {
	if len(a) != len(b) {
		return false
	}
	var result any = true
	for i := range a {
		switch equal(a[i], b[i]) {
		case false:
			return false
		case nil:
			result = nil
		}
	}
	return result
}

func equalMaps(a, b map[string]any) any {
	if len(a) != len(b) {
		return false
	}
	var result any = true
	for _, k := range slices.Sorted(maps.Keys(a)) {
		v, ok := b[k]
		if !ok {
			return false
		}
		switch equal(a[k], v) {
		case false:
			return false
		case nil:
			result = nil
		}
	}
	return result
}

func numeric(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

func toFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}

// compareNumbers compares two numbers; false if one is not a number.
func compareNumbers(a, b any) (int, bool) {
	x, xInt := a.(int64)
	y, yInt := b.(int64)
	if xInt && yInt {
		return cmp.Compare(x, y), true
	}
	f, g := toFloat(a), toFloat(b)
	if math.IsNaN(f) || math.IsNaN(g) {
		return 0, false
	}
	switch {
	case xInt:
		return compareIntFloat(x, g), true
	case yInt:
		return -compareIntFloat(y, f), true
	}
	return cmp.Compare(f, g), true
}

// compareIntFloat compares without losing digits of large integers.
func compareIntFloat(i int64, f float64) int {
	switch {
	case f >= math.MaxInt64:
		return -1
	case f < math.MinInt64:
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(i, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(0, f-whole)
}

// compare compares as < does; ok is false where the two are not comparable.
func compare(a, b any) (c int, ok bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return cmp.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		return compareBools(a, b), ok
	case int64, float64:
		if !numeric(b) {
			return 0, false
		}
		return compareNumbers(a, b)
	case []any:
		if b, ok := b.([]any); ok {
			return compareLists(a, b)
		}
	}
	return 0, false
}

func compareLists(a, b []any) (int, bool) {
	for i := range min(len(a), len(b)) {
		if a[i] == nil || b[i] == nil {
			return 0, false
		}
		if c, ok := compare(a[i], b[i]); c != 0 || !ok {
			return c, ok
		}
	}
	return cmp.Compare(len(a), len(b)), true
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// rank orders the types for ORDER BY.
func rank(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return 0
	case *Vertex:
		return 1
	case *edge:
		return 2
	case []any:
		return 3
	case *route:
		return 4
	case string:
		return 5
	case bool:
		return 6
	case float64:
		if math.IsNaN(v) {
			return 8
		}
		return 7
	case int64:
		return 7
	}
	return 9
}

// order compares any two values, as ORDER BY does: nulls are last.
func order(a, b any) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case map[string]any:
		return orderMaps(a, b.(map[string]any))
	case *Vertex:
		return compareIDs(a, b.(*Vertex))
	case *edge:
		return compareEdges(a, b.(*edge))
	case []any:
		b := b.([]any)
		for i := range min(len(a), len(b)) {
			if c := order(a[i], b[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(a), len(b))
	case *route:
		return compareRoutes(a, b.(*route))
	}
	c, _ := compare(a, b)
	return c
}

func orderMaps(a, b map[string]any) int {
	ka, kb := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))
	if c := slices.Compare(ka, kb); c != 0 {
		return c
	}
	for _, k := range ka {
		if c := order(a[k], b[k]); c != 0 {
			return c
		}
	}
	return 0
}

func compareIDs(a, b *Vertex) int { return bytes.Compare(a.ID[:], b.ID[:]) }

func compareEdges(a, b *edge) int {
	return cmp.Or(compareIDs(a.id.Src, b.id.Src), cmp.Compare(a.id.Type, b.id.Type),
		compareIDs(a.id.Dst, b.id.Dst))
}

func compareRoutes(a, b *route) int {
	return cmp.Or(slices.CompareFunc(a.vertices, b.vertices, compareIDs),
		slices.CompareFunc(a.edges, b.edges, compareEdges))
}

// appendKey appends bytes that are equal for two values if and only if DISTINCT takes them as one.
func appendKey(b []byte, v any) []byte {
	b = append(b, byte(rank(v)))
	switch v := v.(type) {
	case map[string]any:
		b = binary.AppendUvarint(b, uint64(len(v)))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendKey(appendKey(b, k), v[k])
		}
	case *Vertex:
		b = append(b, v.ID[:]...)
	case *edge:
		b = append(append(append(b, v.id.Src.ID[:]...), byte(v.id.Type)), v.id.Dst.ID[:]...)
	case []any:
		b = binary.AppendUvarint(b, uint64(len(v)))
		for _, x := range v {
			b = appendKey(b, x)
		}
	case *route:
		b = binary.AppendUvarint(b, uint64(len(v.vertices)))
		for _, x := range v.vertices {
			b = append(b, x.ID[:]...)
		}
		for _, x := range v.edges {
			b = appendKey(b, x)
		}
	case string:
		b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
	case bool:
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case int64:
		b = binary.BigEndian.AppendUint64(append(b, 0), uint64(v))
	case float64:
		b = appendFloatKey(b, v)
	}
	return b
}

// appendFloatKey writes whole numbers as integers are written.
func appendFloatKey(b []byte, v float64) []byte {
	if v == math.Trunc(v) && v >= math.MinInt64 && v < math.MaxInt64 {
		return binary.BigEndian.AppendUint64(append(b, 0), uint64(int64(v)))
	}
	return binary.BigEndian.AppendUint64(append(b, 1), math.Float64bits(v))
}

// sizeOf is about how many bytes a value takes beside its place in the row.
func sizeOf(v any) int64 {
	const header = 24
	switch v := v.(type) {
	case string:
		return int64(len(v)) + header
	case []any:
		n := int64(header)
		for _, x := range v {
			n += 16 + sizeOf(x)
		}
		return n
	case map[string]any:
		n := int64(header)
		for k, x := range v {
			n += int64(len(k)) + 48 + sizeOf(x)
		}
		return n
	case *edge:
		return 80
	case *route:
		return int64(len(v.vertices))*8 + int64(len(v.edges))*88 + 2*header
	}
	return 8
}

// stringOf is the text that toString and || give.
func stringOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64, bool:
		return fmt.Sprint(v), true
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".eIN") {
			s += ".0"
		}
		return s, true
	}
	return "", false
}
