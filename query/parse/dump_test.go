package parse

import (
	"fmt"
	"reflect"
	"strings"
)

// dump shows a tree as indented lines: the field, the type, the span, the values. Zero fields are
// left out.
func dump(s *Statement) string {
	d := dumper{spans: true}
	d.value(reflect.ValueOf(s), "", 0)
	return d.String()
}

// shape is dump without the spans.
func shape(s *Statement) string {
	var d dumper
	d.value(reflect.ValueOf(s), "", 0)
	return d.String()
}

type dumper struct {
	strings.Builder
	spans bool
}

func (d *dumper) value(v reflect.Value, label string, depth int) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			d.value(v.Index(i), fmt.Sprintf("%s[%d]", label, i), depth)
		}
		return
	}
	fmt.Fprintf(d, "%s%s", strings.Repeat("  ", depth), label)
	if n, ok := v.Interface().(Name); ok {
		fmt.Fprintf(d, "%s %q\n", d.span(n.Span), n.Text)
		return
	}
	if label != "" {
		d.WriteString(" ")
	}
	d.WriteString(v.Type().Name())
	if s, ok := v.Interface().(interface{ Bounds() Span }); ok {
		d.WriteString(d.span(s.Bounds()))
	}
	d.fields(v, depth)
}

// fields shows scalar fields on the line of their element and the others below it.
func (d *dumper) fields(v reflect.Value, depth int) {
	var below []int
	flat := flatten(v)
	for i, f := range flat {
		switch f.value.Kind() {
		case reflect.Struct, reflect.Slice, reflect.Interface, reflect.Pointer:
			below = append(below, i)
		default:
			fmt.Fprintf(d, " %s=%v", f.name, f.value.Interface())
		}
	}
	d.WriteString("\n")
	for _, i := range below {
		d.value(flat[i].value, flat[i].name, depth+1)
	}
}

type field struct {
	name  string
	value reflect.Value
}

// flatten lists the fields that are set, with those of embedded structs in their place.
func flatten(v reflect.Value) []field {
	var out []field
	for i := range v.NumField() {
		t, f := v.Type().Field(i), v.Field(i)
		switch {
		case t.Type == reflect.TypeFor[Span](), t.Name == "Text":
		case t.Anonymous:
			out = append(out, flatten(f)...)
		case !f.IsZero() || t.Name == "Value":
			out = append(out, field{t.Name, f})
		}
	}
	return out
}

func (d *dumper) span(s Span) string {
	if !d.spans {
		return ""
	}
	return fmt.Sprintf(" %d-%d", s.Start, s.End)
}
