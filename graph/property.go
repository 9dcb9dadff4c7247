package graph

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Properties are named values that Cypher gave a vertex or an edge. A value is a bool, an int64, a
// float64, a string, or a []any of these; there are no nulls.
type Properties map[string]any

// Limits of what Cypher writes.
const (
	MaxElementBytes = 60 << 10 // of a vertex, an edge or an overlay, as it is stored
	MaxNameBytes    = 256      // of a label, an edge type or the name of a property
	MaxLabels       = 64
	MaxKeyBytes     = 8 << 10 // of a symbol key in a mutation
)

// Tags of encoded values. They are stored.
const (
	tagFalse  = 1
	tagTrue   = 2
	tagInt    = 3 // zigzag varint
	tagFloat  = 4 // 8 bytes
	tagString = 5
	tagList   = 6
)

// CheckValue tells why a value cannot be a property; nil if it can.
func CheckValue(v any) error {
	if list, ok := v.([]any); ok {
		for _, x := range list {
			if !scalar(x) {
				return Errorf("graph.CheckValue", KindInvalid, "a list in a property holds a %T", x).
					WithRemedy("lists hold booleans, numbers and strings")
			}
		}
		return nil
	}
	if !scalar(v) {
		return Errorf("graph.CheckValue", KindInvalid, "a property cannot be a %T", v).
			WithRemedy("properties are booleans, numbers, strings and lists of these")
	}
	return nil
}

func scalar(v any) bool {
	switch v := v.(type) {
	case bool, int64, float64:
		return true
	case string:
		return utf8.ValidString(v)
	}
	return false
}

// EqualValues compares two values of properties as Cypher's = does: 1 equals 1.0, and what is not
// a number equals nothing.
func EqualValues(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, EqualValues)
	case int64:
		if f, ok := b.(float64); ok {
			return equalIntFloat(a, f)
		}
	case float64:
		if i, ok := b.(int64); ok {
			return equalIntFloat(i, a)
		}
	}
	if _, ok := b.([]any); ok {
		return false
	}
	return a == b
}

func equalIntFloat(i int64, f float64) bool {
	return f >= math.MinInt64 && f < math.MaxInt64 && f == math.Trunc(f) && int64(f) == i
}

// Text returns the property as text; "" if it is not one.
func (p Properties) Text(name string) string {
	s, _ := p[name].(string)
	return s
}

func checkName(what, name string) error {
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) || !plainText(name) {
		return Errorf("graph.Validate", KindInvalid, "%s %q is not a name", what,
			name[:min(len(name), MaxNameBytes)]).
			WithRemedy("names have 1 to %d bytes of UTF-8 without zeros", MaxNameBytes)
	}
	return nil
}

// plainText tells whether a text has no zero byte.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return true
}

// check tells what is wrong with the properties.
func (p Properties) check() error {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if err := checkName("property", name); err != nil {
			return err
		}
		if err := CheckValue(p[name]); err != nil {
			return Errorf("graph.Validate", KindInvalid, "property %s: %w", name, err)
		}
	}
	return nil
}

func (e *encoder) properties(p Properties) {
	e.uint(uint64(len(p)))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		e.string(name)
		e.value(p[name])
	}
}

// value writes one value; what is not a value of a property is written as false, and is refused
// before it comes here (Mutation.Validate).
func (e *encoder) value(v any) {
	switch v := v.(type) {
	case bool:
		if v {
			e.byte(tagTrue)
			return
		}
	case int64:
		e.byte(tagInt)
		e.b = binary.AppendVarint(e.b, v)
		return
	case float64:
		e.byte(tagFloat)
		if math.IsNaN(v) {
			v = math.NaN() // one of the many
		}
		e.u64(math.Float64bits(v))
		return
	case string:
		e.byte(tagString)
		e.string(v)
		return
	case []any:
		e.byte(tagList)
		e.uint(uint64(len(v)))
		for _, x := range v {
			e.value(x)
		}
		return
	}
	e.byte(tagFalse)
}

// properties reads what the encoder wrote: names ascend, each comes once.
func (d *decoder) properties() Properties {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	p := make(Properties, n)
	last := ""
	for range n {
		name := d.text()
		v := d.value(true)
		if d.bad || name <= last || checkName("property", name) != nil {
			d.fail()
			return nil
		}
		p[name], last = v, name
	}
	return p
}

func (d *decoder) value(lists bool) any {
	switch tag := d.byte(); {
	case tag == tagFalse:
		return false
	case tag == tagTrue:
		return true
	case tag == tagInt:
		v, n := binary.Varint(d.b)
		if n <= 0 {
			break
		}
		d.b = d.b[n:]
		return v
	case tag == tagFloat:
		return math.Float64frombits(d.u64())
	case tag == tagString:
		return d.text()
	case tag == tagList && lists:
		list := make([]any, d.count(1))
		for i := range list {
			list[i] = d.value(false)
		}
		return list
	}
	d.fail()
	return nil
}

// text reads a string of valid UTF-8.
func (d *decoder) text() string {
	s := d.string()
	if !utf8.ValidString(s) {
		d.fail()
		return ""
	}
	return s
}

func (e *encoder) strings(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.string(s)
	}
}

func (d *decoder) strings() []string {
	n := d.count(1)
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = d.text()
	}
	return out
}
