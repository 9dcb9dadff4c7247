package exec

import (
	"context"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// batchRows is how many rows, vertices or sources of edges go through a step at a time.
const batchRows = 1024

// expandChunk is how many edges one request for edges brings at most.
const expandChunk = 1 << 18

const (
	handleBytes = 112 // a Vertex and its entry in the table
	propsBytes  = 208 // a graph.Vertex without its texts
	edgeBytes   = 48
)

// Vertex is a vertex as a running query holds it: one per id, so that pointers are compared. Props
// is nil until it was fetched, and may be dropped to save memory.
type Vertex struct {
	ID    graph.VertexID
	Props *graph.Vertex
	doc   bool // Props has the documentation
}

// Reader reads for one query: it keeps the vertices seen, counts the cost, and ends the query at
// its bounds. It serves one goroutine.
type Reader struct {
	src    Source
	snap   *Snapshot
	limits Limits

	vertices  map[graph.VertexID]*Vertex
	held      int64 // bytes by Charge and by vertices
	propsHeld int64
	cost      Cost
	draining  bool
	grace     context.Context // while draining: time to finish
	end       context.CancelFunc
}

// NewReader returns a reader of one snapshot.
func NewReader(src Source, snap *Snapshot, limits Limits) *Reader {
	return &Reader{src: src, snap: snap, limits: limits.WithDefaults(),
		vertices: map[graph.VertexID]*Vertex{}}
}

// Limits returns the bounds, with defaults filled in.
func (r *Reader) Limits() Limits { return r.limits }

// Cost returns what was read so far.
func (r *Reader) Cost() Cost { return r.cost }

// drainTime is how long a query may take to finish what it has.
const drainTime = 2 * time.Second

// Drain lets the query finish what it has although a bound was met: bounds hold no longer, and
// there is a little time even if ctx has ended.
func (r *Reader) Drain(ctx context.Context) {
	if !r.draining {
		r.draining = true
		r.grace, r.end = context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	}
}

// Close gives back what the reader holds.
func (r *Reader) Close() {
	if r.end != nil {
		r.end()
	}
}

// live returns the context to read under, and an error if its time is over.
func (r *Reader) live(ctx context.Context) (context.Context, error) {
	if r.draining {
		ctx = r.grace
	}
	return ctx, contextError(ctx)
}

// Vertex returns the handle of an id.
func (r *Reader) Vertex(id graph.VertexID) *Vertex {
	v := r.vertices[id]
	if v == nil {
		v = &Vertex{ID: id}
		r.vertices[id] = v
		r.held += handleBytes
	}
	return v
}

// Charge accounts for n bytes that the query holds; a negative n gives them back.
func (r *Reader) Charge(n int64) error {
	r.held += n
	if n <= 0 {
		return nil
	}
	return r.checkMemory()
}

func (r *Reader) checkMemory() error {
	if r.held+r.propsHeld <= r.limits.MaxMemory || r.draining {
		return nil
	}
	r.dropProps()
	if r.held <= r.limits.MaxMemory {
		return nil
	}
	return memoryLimit(r.limits.MaxMemory)
}

// dropProps forgets all properties; they are fetched again where they are needed.
func (r *Reader) dropProps() {
	for _, v := range r.vertices {
		v.Props, v.doc = nil, false
	}
	r.propsHeld = 0
}

func (r *Reader) setProps(v *Vertex, p *graph.Vertex, doc bool) {
	if v.Props == nil {
		r.propsHeld += propsBytes + int64(len(p.Key)+len(p.Name)+len(p.Path)+len(p.Signature)+
			len(p.Doc))
	} else {
		r.propsHeld += int64(len(p.Doc) - len(v.Props.Doc))
	}
	v.Props, v.doc = p, doc
}

// roomForProps makes room before a batch of properties is read.
func (r *Reader) roomForProps() error {
	if r.propsHeld > r.limits.MaxMemory/2 {
		r.dropProps()
	}
	return r.checkMemory()
}

// Fetch fills in the properties of those of vs that lack them.
func (r *Reader) Fetch(ctx context.Context, vs []*Vertex, doc bool) error {
	missing := 0
	for _, v := range vs {
		if v.Props == nil || doc && !v.doc {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	if err := r.roomForProps(); err != nil {
		return err
	}
	var ids []graph.VertexID
	seen := make(map[graph.VertexID]struct{}, missing)
	for i, v := range vs {
		if _, dup := seen[v.ID]; !dup && (v.Props == nil || doc && !v.doc) {
			seen[v.ID] = struct{}{}
			ids = append(ids, v.ID)
		}
		if len(ids) == batchRows || i == len(vs)-1 && len(ids) > 0 {
			if err := r.lookup(ctx, ids, doc); err != nil {
				return err
			}
			ids = ids[:0]
		}
	}
	return nil
}

func (r *Reader) lookup(ctx context.Context, ids []graph.VertexID, doc bool) error {
	ctx, err := r.live(ctx)
	if err != nil {
		return err
	}
	found, err := r.src.Lookup(ctx, ids, doc)
	if err != nil {
		return sourceError(ctx, err)
	}
	if len(found) != len(ids) {
		return graph.Errorf("query.Lookup", graph.KindInternal, "asked for %d vertices, got %d",
			len(ids), len(found))
	}
	r.cost.VerticesRead += int64(len(ids))
	for i := range found {
		p := found[i]
		p.ID = ids[i]
		r.setProps(r.Vertex(ids[i]), &p, doc)
	}
	return nil
}

// Scan passes the vertices that an index finds to yield, each once, with their properties.
func (r *Reader) Scan(ctx context.Context, spec *graph.ScanSpec,
	yield func([]*Vertex) error) error {
	ctx, err := r.live(ctx)
	if err != nil {
		return err
	}
	seen := map[*Vertex]struct{}{}
	var failed error
	err = r.src.Scan(ctx, spec, func(found []graph.Vertex) error {
		failed = r.scanned(found, spec.Doc, seen, yield)
		if failed == nil {
			_, failed = r.live(ctx)
		}
		return failed
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return sourceError(ctx, err)
	}
	return nil
}

func (r *Reader) scanned(found []graph.Vertex, doc bool, seen map[*Vertex]struct{},
	yield func([]*Vertex) error) error {
	const seenBytes = 24
	for len(found) > 0 {
		if err := r.roomForProps(); err != nil {
			return err
		}
		n := min(len(found), batchRows)
		batch := make([]*Vertex, 0, n)
		for i := range found[:n] {
			p := found[i]
			v := r.Vertex(p.ID)
			if _, dup := seen[v]; dup {
				continue
			}
			seen[v] = struct{}{}
			if v.Props == nil || doc && !v.doc {
				r.setProps(v, &p, doc)
			}
			batch = append(batch, v)
		}
		found = found[n:]
		r.cost.VerticesRead += int64(len(batch))
		if err := r.Charge(int64(len(batch)) * seenBytes); err != nil {
			return err
		}
		if len(batch) == 0 {
			continue
		}
		if err := yield(batch); err != nil {
			return err
		}
	}
	return nil
}

// Count returns how many vertices an index finds.
func (r *Reader) Count(ctx context.Context, spec *graph.ScanSpec) (int64, error) {
	ctx, err := r.live(ctx)
	if err != nil {
		return 0, err
	}
	n, err := r.src.Count(ctx, spec)
	if err != nil {
		return 0, sourceError(ctx, err)
	}
	return n, nil
}

// Expand passes the edges of each vertex to yield, in the order of vs; i is the index in vs.
func (r *Reader) Expand(ctx context.Context, vs []*Vertex, spec graph.ExpandSpec,
	yield func(i int, edges []graph.HalfEdge) error) error {
	for at := 0; at < len(vs); at += batchRows {
		part := vs[at:min(at+batchRows, len(vs))]
		err := r.expandPart(ctx, part, spec, func(i int, edges []graph.HalfEdge) error {
			return yield(at+i, edges)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expandPart asks for the edges of one batch; where that would bring too many at once it halves
// the batch.
func (r *Reader) expandPart(ctx context.Context, vs []*Vertex, spec graph.ExpandSpec,
	yield func(i int, edges []graph.HalfEdge) error) error {
	ctx, err := r.live(ctx)
	if err != nil {
		return err
	}
	left := r.limits.MaxEdges - r.cost.EdgesVisited
	if r.draining {
		left = r.limits.MaxEdges
	}
	most := expandChunk
	if len(vs) == 1 {
		most = int(max(expandChunk, (r.limits.MaxMemory-r.held)/edgeBytes/2))
	}
	spec.MaxEdges = int(min(left+1, int64(most)))
	ids := make([]graph.VertexID, len(vs))
	for i, v := range vs {
		ids[i] = v.ID
	}
	lists, err := r.src.Expand(ctx, ids, &spec)
	if err != nil {
		return sourceError(ctx, err)
	}
	if len(lists) != len(ids) {
		return graph.Errorf("query.Expand", graph.KindInternal, "asked for the edges of %d "+
			"vertices, got %d", len(ids), len(lists))
	}
	for i := range lists {
		if lists[i].More {
			return r.expandHalves(ctx, vs, spec, yield)
		}
	}
	for i := range lists {
		if err := r.visited(len(lists[i].Edges)); err != nil {
			return err
		}
		if err := yield(i, lists[i].Edges); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) expandHalves(ctx context.Context, vs []*Vertex, spec graph.ExpandSpec,
	yield func(i int, edges []graph.HalfEdge) error) error {
	if len(vs) == 1 {
		if int64(spec.MaxEdges) > r.limits.MaxEdges-r.cost.EdgesVisited {
			return edgeLimit(r.limits.MaxEdges)
		}
		return memoryLimit(r.limits.MaxMemory)
	}
	half := len(vs) / 2
	if err := r.expandPart(ctx, vs[:half], spec, yield); err != nil {
		return err
	}
	return r.expandPart(ctx, vs[half:], spec, func(i int, edges []graph.HalfEdge) error {
		return yield(half+i, edges)
	})
}

// visited counts edges against their bound.
func (r *Reader) visited(n int) error {
	r.cost.EdgesVisited += int64(n)
	if r.cost.EdgesVisited > r.limits.MaxEdges && !r.draining {
		return edgeLimit(r.limits.MaxEdges)
	}
	return nil
}
