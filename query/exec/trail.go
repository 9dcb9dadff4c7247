package exec

import (
	"slices"

	"github.com/codegraphdb/codegraph/query/plan"
)

// trailStep follows paths of several edges, none of them twice. It goes deep before it goes wide,
// some paths at a time, so that it holds few of them.
type trailStep struct {
	flow
	op   *plan.Expand
	adj  *adjacency
	held int64 // bytes of the paths that wait
}

// trail is a path: its last edge and the path before.
type trail struct {
	w      row
	at     *Vertex
	edge   *edge // nil at the start
	before *trail
	depth  int
}

const (
	trailChunk = 128 // paths that are made longer at a time
	trailBytes = 144
)

func (s *trailStep) push(rows []row) error {
	groups, vs, err := bySource(rows, s.op.From)
	if err != nil {
		return err
	}
	var level []*trail
	for i, v := range vs {
		for _, w := range groups[i] {
			t := &trail{w: w, at: v}
			level = append(level, t)
			if s.op.Min > 0 {
				continue
			}
			if err := s.found(t); err != nil {
				return err
			}
		}
	}
	defer func() { s.x.r.held -= s.held; s.held = 0 }()
	stack := chunks(nil, level)
	for len(stack) > 0 {
		chunk := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		longer, err := s.grow(chunk)
		if err != nil {
			return err
		}
		stack = chunks(stack, longer)
		if chunk[0].depth > 0 {
			s.held -= int64(len(chunk)) * trailBytes
			s.x.r.held -= int64(len(chunk)) * trailBytes
		}
	}
	return s.flush()
}

// chunks cuts paths into chunks on top of a stack, the first on top.
func chunks(stack [][]*trail, list []*trail) [][]*trail {
	for part := range slices.Chunk(list, trailChunk) {
		stack = append(stack, part)
	}
	slices.Reverse(stack[len(stack)-(len(list)+trailChunk-1)/trailChunk:])
	return stack
}

// grow makes each path one edge longer, in all ways, and passes on those that are long enough.
func (s *trailStep) grow(chunk []*trail) ([]*trail, error) {
	if len(chunk) == 0 || chunk[0].depth >= s.op.Max {
		return nil, nil
	}
	vs := make([]*Vertex, len(chunk))
	for i, t := range chunk {
		vs[i] = t.at
	}
	if err := s.adj.read(vs); err != nil {
		return nil, err
	}
	var longer []*trail
	for _, t := range chunk {
		before := len(longer)
		links := s.adj.lists[t.at]
		if err := s.x.r.visited(len(links)); err != nil {
			return nil, err
		}
		for i := range links {
			next := s.extend(t, links[i])
			if next == nil {
				continue
			}
			if next.depth >= s.op.Min {
				if err := s.found(next); err != nil {
					return nil, err
				}
			}
			if next.depth < s.op.Max {
				longer = append(longer, next)
			}
		}
		n := int64(len(longer)-before) * trailBytes
		s.held += n
		if err := s.x.r.Charge(n); err != nil {
			return nil, err
		}
	}
	_, err := s.x.r.live(s.x.ctx)
	return longer, err
}

// extend returns t with one more edge, nil if t has it already.
func (s *trailStep) extend(t *trail, l link) *trail {
	for b := t; b.edge != nil; b = b.before {
		if b.edge.id == l.edge.id {
			return nil
		}
	}
	if taken(t.w, s.op.Unique, l.edge.id) {
		return nil
	}
	return &trail{w: t.w, at: l.to, edge: l.edge, before: t, depth: t.depth + 1}
}

// found passes on a path.
func (s *trailStep) found(t *trail) error {
	if s.op.Into && t.w[s.op.To.N] != any(t.at) {
		return nil
	}
	out := clone(t.w)
	out[s.op.To.N] = t.at
	if s.op.Edge != nil {
		edges := make([]any, t.depth)
		for b := t; b.edge != nil; b = b.before {
			edges[b.depth-1] = b.edge
		}
		if s.op.Reverse {
			slices.Reverse(edges)
		}
		out[s.op.Edge.N] = edges
	}
	return s.emit(out)
}

// reachStep finds what paths lead to, each end once: a breadth-first search from each row.
type reachStep struct {
	flow
	op  *plan.Expand
	adj *adjacency
}

// reachGroup is how many searches go on at a time, so that they share requests for edges.
const reachGroup = 64

// search is one breadth-first search.
type search struct {
	rows     []row
	seen     map[*Vertex]struct{}
	frontier []*Vertex
}

func (s *reachStep) push(rows []row) error {
	groups, vs, err := bySource(rows, s.op.From)
	if err != nil {
		return err
	}
	for at := 0; at < len(vs); at += reachGroup {
		var searches []*search
		for i := at; i < min(at+reachGroup, len(vs)); i++ {
			searches = append(searches, &search{rows: groups[i], seen: map[*Vertex]struct{}{},
				frontier: []*Vertex{vs[i]}})
		}
		held, err := s.searchAll(searches)
		s.x.r.held -= held
		if err != nil {
			return err
		}
	}
	return s.flush()
}

// searchAll runs searches level by level and returns what memory they charged.
func (s *reachStep) searchAll(searches []*search) (held int64, err error) {
	const seenBytes = 32
	if s.op.Min == 0 {
		for _, q := range searches {
			q.seen[q.frontier[0]] = struct{}{}
			if err := s.found(q, q.frontier[0]); err != nil {
				return held, err
			}
		}
	}
	for depth := 0; depth < s.op.Max; depth++ {
		var frontier []*Vertex
		for _, q := range searches {
			frontier = append(frontier, q.frontier...)
		}
		if len(frontier) == 0 {
			break
		}
		if err := s.adj.read(frontier); err != nil {
			return held, err
		}
		for _, q := range searches {
			before := len(q.seen)
			if err := s.grow(q); err != nil {
				return held, err
			}
			n := int64(len(q.seen)-before) * seenBytes
			held += n
			if err := s.x.r.Charge(n); err != nil {
				return held, err
			}
		}
	}
	return held, nil
}

func (s *reachStep) grow(q *search) error {
	var next []*Vertex
	for _, v := range q.frontier {
		links := s.adj.lists[v]
		if err := s.x.r.visited(len(links)); err != nil {
			return err
		}
		for i := range links {
			to := links[i].to
			if _, had := q.seen[to]; had {
				continue
			}
			q.seen[to] = struct{}{}
			next = append(next, to)
			if err := s.found(q, to); err != nil {
				return err
			}
		}
	}
	q.frontier = next
	return nil
}

func (s *reachStep) found(q *search, v *Vertex) error {
	for _, w := range q.rows {
		if s.op.Into && w[s.op.To.N] != any(v) {
			continue
		}
		out := clone(w)
		out[s.op.To.N] = v
		if err := s.emit(out); err != nil {
			return err
		}
	}
	return nil
}
