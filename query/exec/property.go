package exec

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
)

// vertexProperty returns a property of a vertex by its name in the schema; nil for what the vertex
// does not have.
func vertexProperty(v *graph.Vertex, name string, snap *Snapshot) any {
	switch name {
	case "name":
		return text(v.Name)
	case "qualified_name":
		return text(QualifiedName(v))
	case "key":
		return text(v.Key)
	case "kind":
		return v.Kind.String()
	case "repo":
		return text(snap.RepoName(v.Repo))
	case "path":
		return text(v.Path)
	case "language":
		return text(v.Lang)
	case "signature":
		return text(v.Signature)
	case "doc":
		return text(v.Doc)
	case "status":
		return text(v.Status.String())
	case "reason":
		return text(v.Reason)
	}
	if flag, ok := flagNames[name]; ok {
		if pointedKinds.Has(v.Kind) {
			return nil
		}
		return v.Has(flag)
	}
	return numberProperty(v, name)
}

// pointedKinds are the kinds of vertices that nobody describes.
var pointedKinds = graph.NewKindSet(graph.ExternalSymbol, graph.UnresolvedRef)

// flagNames are the properties that are either there or not.
var flagNames = map[string]graph.Flags{
	"exported": graph.FlagExported, "test": graph.FlagTest, "generated": graph.FlagGenerated,
	"abstract": graph.FlagAbstract, "static": graph.FlagStatic, "async": graph.FlagAsync,
}

func numberProperty(v *graph.Vertex, name string) any {
	switch name {
	case "line":
		return number(v.Span.Line)
	case "end_line":
		return number(v.Span.EndLine)
	case "column":
		return number(v.Span.Column)
	case "complexity":
		return number(v.Complexity)
	case "loc":
		if v.Span.Line == 0 || v.Span.EndLine < v.Span.Line {
			return nil
		}
		return int64(v.Span.EndLine-v.Span.Line) + 1
	case "size":
		if v.Kind != graph.File {
			return nil
		}
		return int64(v.Size)
	}
	return nil
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(n uint32) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

func (x *run) edgeProperty(e *edge, name string) (any, error) {
	switch name {
	case "type":
		return e.id.Type.String(), nil
	case "resolution":
		return e.resolution.String(), nil
	case "provenance":
		return e.provenance.String(), nil
	case "confidence":
		return int64(e.confidence), nil
	case "count":
		return int64(e.count), nil
	case "line":
		src, err := x.props(e.id.Src, false)
		if err != nil {
			return nil, err
		}
		places := Places(src, e.half)
		if len(places) == 0 {
			return nil, nil
		}
		return int64(places[0].Line), nil
	}
	return nil, nil
}

// properties returns all properties that are not null.
func (x *run) properties(of any) (map[string]any, error) {
	out := map[string]any{}
	var infos []graph.PropertyInfo
	switch of := of.(type) {
	case map[string]any:
		return of, nil
	case *Vertex:
		infos = graph.VertexProperties
		if _, err := x.props(of, true); err != nil {
			return nil, err
		}
	case *edge:
		infos = graph.EdgeProperties
	default:
		return nil, typeError("%s has no properties", typeName(of))
	}
	for _, info := range infos {
		v, err := x.property(of, info.Name)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out[info.Name] = v
		}
	}
	return out, nil
}

// fill reads the places of edges, and with them their evidence.
func (r *Reader) fill(ctx context.Context, edges []*edge) error {
	byID := map[EdgeID][]*edge{}
	var ids []EdgeID
	for _, e := range edges {
		if e.filled {
			continue
		}
		if byID[e.id] == nil {
			ids = append(ids, e.id)
		}
		byID[e.id] = append(byID[e.id], e)
		e.filled = true
	}
	return r.sources(ctx, ids, func(id EdgeID, h *graph.HalfEdge) {
		for _, e := range byID[id] {
			e.resolution, e.provenance = h.Resolution, h.Provenance
			e.confidence, e.count, e.half = h.Confidence, h.Count, h
		}
	})
}
