package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/codegraphdb/codegraph"
	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
)

// valueText is a Cypher value in a cell of a table; a symbol shows where it stands.
func valueText(v *queryv1.Value) string {
	switch k := v.GetKind().(type) {
	case *queryv1.Value_BoolValue:
		return strconv.FormatBool(k.BoolValue)
	case *queryv1.Value_IntValue:
		return strconv.FormatInt(k.IntValue, 10)
	case *queryv1.Value_FloatValue:
		return floatText(k.FloatValue)
	case *queryv1.Value_StringValue:
		return k.StringValue
	case *queryv1.Value_ListValue:
		return "[" + strings.Join(texts(k.ListValue.GetValues(), valueText), ", ") + "]"
	case *queryv1.Value_MapValue:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(k.MapValue.GetEntries())) {
			parts = append(parts, name+": "+valueText(k.MapValue.GetEntries()[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *queryv1.Value_SymbolValue:
		return symbolText(k.SymbolValue)
	case *queryv1.Value_EdgeValue:
		return edgeText(k.EdgeValue)
	case *queryv1.Value_PathValue:
		return pathText(k.PathValue)
	}
	return "null"
}

func texts[T any](in []T, f func(T) string) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

// floatText shows that a number is a float.
func floatText(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !math.IsInf(f, 0) && !math.IsNaN(f) && !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func symbolText(s *queryv1.Symbol) string {
	text := "(:" + s.GetKind() + " " + title(s)
	if at := place(s); at != "" {
		text += " " + at
	}
	return text + ")"
}

func edgeText(e *queryv1.Edge) string {
	text := "[:" + e.GetType()
	if at := sites(e); at != "" {
		text += " " + at
	}
	return text + "]"
}

func pathText(p *queryv1.PathValue) string {
	var b strings.Builder
	for i, s := range p.GetSymbols() {
		if i > 0 && i <= len(p.GetEdges()) {
			e := p.GetEdges()[i-1]
			if e.GetSourceId() == s.GetId() && e.GetTargetId() != s.GetId() {
				b.WriteString("<-" + edgeText(e) + "-")
			} else {
				b.WriteString("-" + edgeText(e) + "->")
			}
		}
		b.WriteString(symbolText(s))
	}
	return b.String()
}

func isNumber(v *queryv1.Value) bool {
	switch v.GetKind().(type) {
	case *queryv1.Value_IntValue, *queryv1.Value_FloatValue:
		return true
	}
	return false
}

// valueJSON is a Cypher value as JSON: symbols, edges and paths under their protobuf names.
func valueJSON(v *queryv1.Value) any {
	switch k := v.GetKind().(type) {
	case *queryv1.Value_BoolValue:
		return k.BoolValue
	case *queryv1.Value_IntValue:
		return k.IntValue
	case *queryv1.Value_FloatValue:
		if math.IsInf(k.FloatValue, 0) || math.IsNaN(k.FloatValue) {
			return floatText(k.FloatValue)
		}
		return json.Number(floatText(k.FloatValue))
	case *queryv1.Value_StringValue:
		return k.StringValue
	case *queryv1.Value_ListValue:
		return listJSON(k.ListValue.GetValues())
	case *queryv1.Value_MapValue:
		out := map[string]any{}
		for name, v := range k.MapValue.GetEntries() {
			out[name] = valueJSON(v)
		}
		return out
	case *queryv1.Value_SymbolValue:
		return protoJSON{k.SymbolValue}
	case *queryv1.Value_EdgeValue:
		return protoJSON{k.EdgeValue}
	case *queryv1.Value_PathValue:
		return protoJSON{k.PathValue}
	}
	return nil
}

func listJSON(values []*queryv1.Value) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = valueJSON(v)
	}
	return out
}

// queryResult is the JSON form of the answer to a query.
type queryResult struct {
	Columns []string  `json:"columns"`
	Rows    [][]any   `json:"rows"`
	Trailer protoJSON `json:"trailer"`
}

func resultJSON(res *codegraph.Result) queryResult {
	out := queryResult{Columns: res.Columns, Rows: make([][]any, len(res.Rows)),
		Trailer: protoJSON{res.Trailer}}
	for i, row := range res.Rows {
		out.Rows[i] = listJSON(row)
	}
	return out
}

// parseValue reads a parameter: JSON, or the text as it is.
func parseValue(text string) *queryv1.Value {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: text}}
	}
	return toValue(v)
}

func toValue(v any) *queryv1.Value {
	switch v := v.(type) {
	case bool:
		return &queryv1.Value{Kind: &queryv1.Value_BoolValue{BoolValue: v}}
	case string:
		return &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: v}}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return &queryv1.Value{Kind: &queryv1.Value_IntValue{IntValue: i}}
		}
		f, err := v.Float64()
		if err != nil {
			return &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: v.String()}}
		}
		return &queryv1.Value{Kind: &queryv1.Value_FloatValue{FloatValue: f}}
	case []any:
		list := &queryv1.ListValue{Values: toValues(v)}
		return &queryv1.Value{Kind: &queryv1.Value_ListValue{ListValue: list}}
	case map[string]any:
		m := &queryv1.MapValue{Entries: map[string]*queryv1.Value{}}
		for name, e := range v {
			m.Entries[name] = toValue(e)
		}
		return &queryv1.Value{Kind: &queryv1.Value_MapValue{MapValue: m}}
	case nil:
		return &queryv1.Value{Kind: &queryv1.Value_NullValue{NullValue: true}}
	}
	return &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: fmt.Sprint(v)}}
}

func toValues(in []any) []*queryv1.Value {
	out := make([]*queryv1.Value, len(in))
	for i, v := range in {
		out[i] = toValue(v)
	}
	return out
}

// isTerminal tells whether a file is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
