package workload

import (
	"context"
	"fmt"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
	"github.com/codegraphdb/codegraph/graph"
)

// edges is W5: edges between shards come and go; at one view both halves are there, made by the
// same write, or none. The count of an edge, which both halves carry, is the number of the write.
type edges struct {
	env   *Env
	pairs []pair
}

// pair is an edge that is toggled, by one writer.
type pair struct {
	owner    int
	from, to symbol
	next     uint32
	there    bool
}

const (
	pairsPerWriter = 4
	fromPrefix     = "From"
	toPrefix       = "To"
	mostTries      = 1000 // then there is one shard only
)

// Checkers names the checks of halves and counts.
func (*edges) Checkers() string { return "edge" }

// Setup writes the ends of all edges, each pair in two shards.
func (e *edges) Setup(ctx context.Context, env *Env) error {
	e.env = env
	for i := range env.Writers * pairsPerWriter {
		e.pairs = append(e.pairs, newPair(env, i))
	}
	return env.asWriters(func(w *Worker) error {
		// The ends alone are no operation: they are not recorded as one.
		rev := revision{repo: edgeRepo(w.ID), name: "ends", partial: true}
		for i := range e.pairs {
			if p := &e.pairs[i]; p.owner == w.ID {
				rev.sources = append(rev.sources,
					source{path: p.from.pkg + "/x.go", symbols: []symbol{p.from}},
					source{path: p.to.pkg + "/x.go", symbols: []symbol{p.to}})
			}
		}
		if err := w.writeOnce(ctx, &rev); err != nil {
			return err
		}
		for i := range e.pairs {
			for e.pairs[i].owner == w.ID && !e.toggle(ctx, w, i) {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
		}
		return nil
	})
}

// newPair chooses names whose shards differ.
func newPair(env *Env, i int) pair {
	p := pair{owner: i / pairsPerWriter}
	p.from = symbol{pkg: fmt.Sprintf("from%d", i), name: fmt.Sprintf("%s%d", fromPrefix, i), line: 1}
	repo := edgeRepo(p.owner)
	for try := 0; ; try++ {
		p.to = symbol{pkg: fmt.Sprintf("to%dx%d", i, try), name: fmt.Sprintf("%s%d", toPrefix, i),
			line: 1}
		from, to := graph.SlotOf(p.from.key(repo)), graph.SlotOf(p.to.key(repo))
		if env.ShardOf(from) != env.ShardOf(to) || try == mostTries {
			return p
		}
	}
}

func edgeRepo(writer int) string { return fmt.Sprintf("edges%d", writer) }

func (p *pair) key() string { return p.from.name + ">" + p.to.name }

// id is the id of the write that gives the edge a count.
func (p *pair) id(count int64) string { return fmt.Sprintf("%s#%d", p.key(), count) }

// Op toggles an edge, or reads one, or counts all.
func (e *edges) Op(ctx context.Context, w *Worker) {
	if w.Writes {
		e.toggle(ctx, w, w.ID*pairsPerWriter+w.Rand.IntN(pairsPerWriter))
		return
	}
	if w.Rand.IntN(8) == 0 {
		q := history.Request{Kind: check.EdgeCount}
		a := w.read(&q)
		_ = e.count(ctx, w, q, a) // it is recorded
		return
	}
	p := &e.pairs[w.Rand.IntN(len(e.pairs))]
	q := history.Request{Kind: check.EdgeRead, Key: p.key()}
	a := w.read(&q)
	_ = e.read(ctx, w, q, p, a) // it is recorded
}

// Final reads and counts all edges.
func (e *edges) Final(ctx context.Context, w *Worker) error {
	return w.everyKey(len(e.pairs)+1, func(i int) error {
		if i == len(e.pairs) {
			q := history.Request{Kind: check.EdgeCount}
			a := w.final(&q)
			return e.count(ctx, w, q, a)
		}
		q := history.Request{Kind: check.EdgeRead, Key: e.pairs[i].key()}
		a := w.final(&q)
		return e.read(ctx, w, q, &e.pairs[i], a)
	})
}

// toggle adds the edge with a new count or removes it.
func (e *edges) toggle(ctx context.Context, w *Worker, i int) bool {
	p := &e.pairs[i]
	p.next++
	q := history.Request{Kind: check.EdgeRemove, Key: p.key(), ID: p.id(int64(p.next))}
	file := source{path: fmt.Sprintf("edge%d.go", i)}
	if !p.there {
		q.Kind = check.EdgeAdd
		file.calls = []call{{p.from, p.to, p.next}}
	}
	done := w.publish(ctx, q, &revision{repo: edgeRepo(p.owner), name: q.ID, partial: true,
		sources: []source{file}})
	if done {
		p.there = !p.there
	}
	return done
}

const readPair = `MATCH (u:Function {name: $u}) MATCH (u)-[r:CALLS]->(v)
RETURN 'out' AS half, v.name AS other, r.count AS n
UNION ALL MATCH (v:Function {name: $v}) MATCH (v)<-[r:CALLS]-(u)
RETURN 'in' AS half, u.name AS other, r.count AS n`

// read asks for both halves of an edge in one query, each from its own end.
func (e *edges) read(ctx context.Context, w *Worker, q history.Request, p *pair, a ask) error {
	return w.record(ctx, q, func(ctx context.Context) (any, *queryv1.Trailer, error) {
		rows, trailer, err := query(ctx, a, readPair,
			map[string]string{"u": p.from.name, "v": p.to.name})
		var out check.EdgePair
		for _, row := range rows {
			id := p.id(row[2].GetIntValue())
			switch half, other := row[0].GetStringValue(), row[1].GetStringValue(); {
			case half == "out" && other == p.to.name:
				out.Out += id // two make one that nobody wrote
			case half == "in" && other == p.from.name:
				out.In += id
			}
		}
		return out, trailer, err
	})
}

const countAll = `MATCH (u:Function) WHERE u.name STARTS WITH 'From' MATCH (u)-[r:CALLS]->(v)
RETURN 'out' AS half, count(r) AS n
UNION ALL MATCH (v:Function) WHERE v.name STARTS WITH 'To' MATCH (v)<-[r:CALLS]-(u)
RETURN 'in' AS half, count(r) AS n`

// count counts all edges from both ends. As long as no answer carries stored counters, the count
// from the targets stands for them.
func (e *edges) count(ctx context.Context, w *Worker, q history.Request, a ask) error {
	return w.record(ctx, q, func(ctx context.Context) (any, *queryv1.Trailer, error) {
		rows, trailer, err := query(ctx, a, countAll, nil)
		var out check.Counts
		for _, row := range rows {
			if row[0].GetStringValue() == "out" {
				out.Scanned = row[1].GetIntValue()
			} else {
				out.Stored = row[1].GetIntValue()
			}
		}
		return out, trailer, err
	})
}
