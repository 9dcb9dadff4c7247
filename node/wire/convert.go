package wire

import (
	"fmt"
	"sort"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query"
)

// Symbol converts a symbol.
func Symbol(s *query.Symbol) *queryv1.Symbol {
	if s == nil {
		return nil
	}
	return &queryv1.Symbol{Id: s.ID.String(), Kind: s.Kind.String(), Name: s.Name,
		QualifiedName: s.QualifiedName(), Key: s.Key, Repo: s.RepoName, Path: s.Path,
		Line: s.Span.Line, Column: s.Span.Column, EndLine: s.Span.EndLine, Language: s.Lang,
		Signature: s.Signature, Doc: s.Doc, Exported: s.Has(graph.FlagExported),
		Test: s.Has(graph.FlagTest), Generated: s.Has(graph.FlagGenerated), Labels: s.Labels,
		Properties: properties(s.Properties)}
}

// properties converts what transactions gave a vertex or an edge.
func properties(in graph.Properties) map[string]*queryv1.Value {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]*queryv1.Value, len(in))
	for name, v := range in {
		out[name] = value(v)
	}
	return out
}

// Symbols converts symbols.
func Symbols(in []*query.Symbol) []*queryv1.Symbol {
	out := make([]*queryv1.Symbol, len(in))
	for i, s := range in {
		out[i] = Symbol(s)
	}
	return out
}

// Edge converts an edge.
func Edge(e *query.Edge) *queryv1.Edge {
	if e == nil {
		return nil
	}
	out := &queryv1.Edge{Type: e.Type.String(), SourceId: e.Src.String(), TargetId: e.Dst.String(),
		Resolution: e.Resolution.String(), Provenance: e.Provenance.String(),
		Confidence: uint32(e.Confidence), Count: e.Count, Properties: properties(e.Properties)}
	if e.ID != (graph.EdgeID{}) {
		out.Id = e.ID[:]
	}
	for _, p := range e.Sites {
		out.Sites = append(out.Sites, &queryv1.Site{Path: p.Path, Line: p.Line, Column: p.Column})
	}
	return out
}

// Path converts a path.
func Path(p *query.Path) *queryv1.PathValue {
	out := &queryv1.PathValue{Symbols: Symbols(p.Symbols)}
	for _, e := range p.Edges {
		out.Edges = append(out.Edges, Edge(e))
	}
	return out
}

// Relations converts the answer of a traversal.
func Relations(in []query.Relation) []*queryv1.Relation {
	out := make([]*queryv1.Relation, len(in))
	for i, r := range in {
		out[i] = &queryv1.Relation{Symbol: Symbol(r.Symbol), Edge: Edge(r.Edge),
			Depth: uint32(r.Depth)}
	}
	return out
}

// Trailer converts what an answer says of itself.
func Trailer(t *query.Trailer) *queryv1.Trailer {
	out := &queryv1.Trailer{Timestamp: uint64(t.Timestamp), Token: uint64(t.Token),
		Complete: t.Complete, Cost: &queryv1.Cost{ElapsedMicros: uint64(t.Cost.Elapsed.Microseconds()),
			VerticesRead: uint64(t.Cost.VerticesRead), EdgesVisited: uint64(t.Cost.EdgesVisited)}}
	for _, r := range t.Revisions {
		out.Revisions = append(out.Revisions, &queryv1.RevisionRef{Repo: r.Name,
			Revision: r.Revision, Timestamp: uint64(r.Timestamp)})
	}
	for _, g := range t.Gaps {
		out.Gaps = append(out.Gaps, &queryv1.Gap{Cause: queryv1.GapCause(g.Cause), Count: g.Count,
			Detail: g.Detail, Partial: g.Partial})
	}
	return out
}

// value converts a Cypher value.
func value(v query.Value) *queryv1.Value {
	switch v := v.(type) {
	case nil:
		return &queryv1.Value{Kind: &queryv1.Value_NullValue{NullValue: true}}
	case bool:
		return &queryv1.Value{Kind: &queryv1.Value_BoolValue{BoolValue: v}}
	case int64:
		return &queryv1.Value{Kind: &queryv1.Value_IntValue{IntValue: v}}
	case float64:
		return &queryv1.Value{Kind: &queryv1.Value_FloatValue{FloatValue: v}}
	case string:
		return &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: v}}
	case []query.Value:
		return &queryv1.Value{Kind: &queryv1.Value_ListValue{ListValue: List(v)}}
	case map[string]query.Value:
		m := &queryv1.MapValue{Entries: make(map[string]*queryv1.Value, len(v))}
		for k, e := range v {
			m.Entries[k] = value(e)
		}
		return &queryv1.Value{Kind: &queryv1.Value_MapValue{MapValue: m}}
	case *query.Symbol:
		return &queryv1.Value{Kind: &queryv1.Value_SymbolValue{SymbolValue: Symbol(v)}}
	case *query.Edge:
		return &queryv1.Value{Kind: &queryv1.Value_EdgeValue{EdgeValue: Edge(v)}}
	case *query.Path:
		return &queryv1.Value{Kind: &queryv1.Value_PathValue{PathValue: Path(v)}}
	}
	return &queryv1.Value{Kind: &queryv1.Value_StringValue{StringValue: fmt.Sprint(v)}}
}

// List converts a list of Cypher values, such as a row.
func List(in []query.Value) *queryv1.ListValue {
	out := &queryv1.ListValue{Values: make([]*queryv1.Value, len(in))}
	for i, v := range in {
		out.Values[i] = value(v)
	}
	return out
}

// Params converts the parameters of a query.
func Params(in map[string]*queryv1.Value) (map[string]query.Value, error) {
	names := make([]string, 0, len(in))
	for name := range in {
		names = append(names, name)
	}
	sort.Strings(names) // the first bad one is named, the same each time
	out := make(map[string]query.Value, len(in))
	for _, name := range names {
		v, err := parseValue(in[name])
		if err != nil {
			return nil, graph.Errorf("query.Execute", graph.KindInvalid, "parameter $%s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

func parseValue(v *queryv1.Value) (query.Value, error) {
	switch k := v.GetKind().(type) {
	case nil, *queryv1.Value_NullValue:
		return nil, nil
	case *queryv1.Value_BoolValue:
		return k.BoolValue, nil
	case *queryv1.Value_IntValue:
		return k.IntValue, nil
	case *queryv1.Value_FloatValue:
		return k.FloatValue, nil
	case *queryv1.Value_StringValue:
		return k.StringValue, nil
	case *queryv1.Value_ListValue:
		out := make([]query.Value, len(k.ListValue.GetValues()))
		for i, e := range k.ListValue.GetValues() {
			var err error
			if out[i], err = parseValue(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *queryv1.Value_MapValue:
		out := make(map[string]query.Value, len(k.MapValue.GetEntries()))
		for name, e := range k.MapValue.GetEntries() {
			var err error
			if out[name], err = parseValue(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("symbols, edges and paths cannot be parameters")
}
