package query

import (
	"context"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
)

// ExportSink takes what Export finds, batch by batch. An error ends the export.
type ExportSink struct {
	Symbols func([]*Symbol) error
	Edges   func([]*Edge) error
}

const exportBatch = 1024

// Export passes every vertex of one repository to the sink, then every edge that begins at one of
// them. It is bounded by ctx alone, and holds one batch at a time.
func (e *Env) Export(ctx context.Context, repo string, sink ExportSink) (*Trailer, error) {
	const op = "query.Export"
	if repo == "" {
		return nil, graph.Errorf(op, graph.KindInvalid, "the repository's name is empty")
	}
	id, err := e.repoFilter(op, repo)
	if err != nil {
		return nil, err
	}
	r := exec.NewReader(e.Source, e.Snapshot, e.Limits)
	c := &call{env: e, r: r, cancel: func() {}}
	x := &exporter{env: e, repo: repo, sink: sink}
	spec := &graph.ScanSpec{Index: graph.IndexKind, Repo: id, Doc: true}
	if err := e.Source.Scan(ctx, spec, x.vertices); err != nil {
		return nil, err
	}
	spec.Doc = false
	err = e.Source.Scan(ctx, spec, func(vs []graph.Vertex) error { return x.edges(ctx, vs) })
	if err != nil {
		return nil, err
	}
	t := c.end(repo)
	t.Cost.VerticesRead, t.Cost.EdgesVisited = x.cost.VerticesRead, x.cost.EdgesVisited
	return t, nil
}

type exporter struct {
	env  *Env
	repo string
	sink ExportSink
	cost Cost
}

func (x *exporter) vertices(vs []graph.Vertex) error {
	x.cost.VerticesRead += int64(len(vs))
	for len(vs) > 0 {
		n := min(len(vs), exportBatch)
		batch := make([]*Symbol, n)
		for i := range batch {
			batch[i] = &Symbol{Vertex: vs[i], RepoName: x.repo}
		}
		if err := x.sink.Symbols(batch); err != nil {
			return err
		}
		vs = vs[n:]
	}
	return nil
}

func (x *exporter) edges(ctx context.Context, vs []graph.Vertex) error {
	spec := &graph.ExpandSpec{Out: true, Sites: true}
	for len(vs) > 0 {
		part := vs[:min(len(vs), exportBatch)]
		vs = vs[len(part):]
		ids := make([]graph.VertexID, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		lists, err := x.env.Source.Expand(ctx, ids, spec)
		if err != nil {
			return err
		}
		var batch []*Edge
		for i := range lists {
			from := &exec.Vertex{ID: ids[i], Props: &part[i]}
			for j := range lists[i].Edges {
				batch = append(batch, exec.MakeEdge(from, &lists[i].Edges[j]))
			}
		}
		x.cost.EdgesVisited += int64(len(batch))
		if len(batch) == 0 {
			continue
		}
		if err := x.sink.Edges(batch); err != nil {
			return err
		}
	}
	return nil
}
