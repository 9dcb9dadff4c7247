package shard

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/codegraphdb/codegraph/graph"
)

// goFile makes facts of a file that look like those of real code: 20 functions of a package, each
// calling some others.
func goFile(repo graph.RepoID, pkg, file int) *graph.OwnerFacts {
	base := graph.Symbol{Manager: graph.ManagerGo, Package: "example.com/mod"}.
		Child(graph.NamespaceDesc, fmt.Sprintf("example.com/mod/pkg%d", pkg))
	path := fmt.Sprintf("pkg%d/file%d.go", pkg, file)
	fn := func(pkg, file, i int) string {
		s := graph.Symbol{Manager: graph.ManagerGo, Package: "example.com/mod"}.
			Child(graph.NamespaceDesc, fmt.Sprintf("example.com/mod/pkg%d", pkg)).
			Child(graph.MethodDesc, fmt.Sprintf("HandleRequest%dPart%d", file, i))
		return s.String()
	}
	f := &graph.OwnerFacts{Repo: repo, Path: path, Source: graph.SourceTreeSitter,
		Home: graph.SlotOf(base.String()), Status: graph.StatusOK, Lines: 400}
	for i := range 20 {
		key := fn(pkg, file, i)
		f.Vertices = append(f.Vertices, graph.Vertex{ID: graph.IDOf(key), Kind: graph.Function,
			Key: key, Name: fmt.Sprintf("HandleRequest%dPart%d", file, i), Repo: repo, Path: path,
			Lang: "go", Signature: "(ctx context.Context, req *Request) (*Response, error)",
			Span:   graph.Span{Line: uint32(i*20 + 1), Column: 1, EndLine: uint32(i*20 + 18)},
			Doc:    "HandleRequest answers one part of a request and returns what it found.",
			Source: graph.SourceTreeSitter})
		for j := range 6 {
			dst := fn((pkg+j/3)%50, (file+j)%5, (i*7+j*3)%20)
			f.Edges = append(f.Edges, graph.Edge{Src: graph.IDOf(key), Type: graph.Calls,
				Dst: graph.IDOf(dst), Resolution: graph.Exact, Provenance: graph.FromImport,
				Confidence: 100, Count: 1, Sites: []graph.Site{{Line: uint32(j), Column: 3}}})
		}
	}
	return f
}

// batches cuts the rows of facts into encoded batches of about a megabyte; the last one seals.
func batches(id graph.Timestamp, repo graph.RepoID, rows []graph.Row) [][]byte {
	var out [][]byte
	b := &graph.Batch{Import: id, Attempt: 1, Seq: 1, Repo: repo}
	size := 0
	for _, r := range rows {
		b.Rows = append(b.Rows, r)
		if size += len(r.Key) + len(r.Value); size > 1<<20 {
			out = append(out, b.Encode())
			b = &graph.Batch{Import: id, Attempt: 1, Seq: b.Seq + 1, Repo: repo}
			size = 0
		}
	}
	b.Seal = true
	return append(out, b.Encode())
}

func allSlots() SlotRange { return SlotRange{Lo: 0, Hi: graph.Slots - 1} }

func benchRows() []graph.Row {
	var rows []graph.Row
	for p := range 50 {
		for f := range 5 {
			rows = append(rows, goFile(1, p, f).Rows()...)
		}
	}
	return rows
}

func openBench(b *testing.B) *Shard {
	b.Helper()
	cache := pebble.NewCache(256 << 20)
	defer cache.Unref()
	s, err := Open(b.TempDir(), Options{ID: 1, Slots: allSlots(), Cache: cache})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func BenchmarkApplyRows(b *testing.B) {
	rows := benchRows()
	n := 0
	for b.Loop() {
		b.StopTimer()
		s := openBench(b)
		cmds := batches(101, 1, rows)
		b.StartTimer()
		for i, c := range cmds {
			r, err := s.Apply([]Entry{{uint64(i + 1), 1, EncodeWrite(1, 0, c)}})
			if err != nil || r[0].Err != nil {
				b.Fatal(err, r)
			}
		}
		n += len(rows)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(n), "us/row")
}

func loaded(b *testing.B, flush bool) *Shard {
	s := openBench(b)
	i := uint64(0)
	for _, c := range batches(101, 1, benchRows()) {
		i++
		if r, err := s.Apply([]Entry{{i, 1, EncodeWrite(1, 0, c)}}); err != nil || r[0].Err != nil {
			b.Fatal(err, r)
		}
	}
	if _, err := s.Apply([]Entry{{i + 1, 1, EncodeOutcome(1, 0, graph.Outcome{Import: 101,
		Commit: 200})}}); err != nil {
		b.Fatal(err)
	}
	if flush {
		if _, err := s.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

func BenchmarkRead(b *testing.B) {
	for _, flush := range []bool{false, true} {
		s := loaded(b, flush)
		ids := make([]graph.VertexID, 0, 5000)
		for p := range 50 {
			for f := range 5 {
				for _, v := range goFile(1, p, f).Vertices {
					ids = append(ids, v.ID)
				}
			}
		}
		name := map[bool]string{false: "memtable", true: "flushed"}[flush]
		ctx := context.Background()
		spec := &graph.ExpandSpec{Out: true, In: true}
		b.Run("View/"+name, func(b *testing.B) {
			for b.Loop() {
				v, _ := s.View(graph.View{At: 300})
				v.Close()
			}
		})
		b.Run("ViewExpand1/"+name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				v, _ := s.View(graph.View{At: 300})
				a, _, err := v.Expand(ctx, ids[i%len(ids):i%len(ids)+1], spec)
				if err != nil || len(a[0].Edges) < 6 {
					b.Fatal(err, a)
				}
				v.Close()
			}
		})
		b.Run("Expand1000/"+name, func(b *testing.B) {
			for b.Loop() {
				v, _ := s.View(graph.View{At: 300})
				if _, _, err := v.Expand(ctx, ids[:1000], spec); err != nil {
					b.Fatal(err)
				}
				v.Close()
			}
		})
		b.Run("ViewLookup1/"+name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				v, _ := s.View(graph.View{At: 300})
				vs, err := v.Lookup(ctx, ids[i%len(ids):i%len(ids)+1], false)
				if err != nil || vs[0].Kind != graph.Function {
					b.Fatal(err, vs)
				}
				v.Close()
			}
		})
		b.Run("Lookup1000/"+name, func(b *testing.B) {
			for b.Loop() {
				v, _ := s.View(graph.View{At: 300})
				if _, err := v.Lookup(ctx, ids[:1000], false); err != nil {
					b.Fatal(err)
				}
				v.Close()
			}
		})
		b.Run("ScanName/"+name, func(b *testing.B) {
			for b.Loop() {
				v, _ := s.View(graph.View{At: 300})
				vs, _, err := v.Scan(ctx, &graph.ScanSpec{Index: graph.IndexName,
					Value: "HandleRequest1Part7"})
				if err != nil || len(vs) != 50 {
					b.Fatal(err, len(vs))
				}
				v.Close()
			}
		})
		b.Run("CountKind/"+name, func(b *testing.B) {
			for b.Loop() {
				v, _ := s.View(graph.View{At: 300})
				n, err := v.Count(ctx, &graph.ScanSpec{Index: graph.IndexKind})
				if err != nil || n != 5000 {
					b.Fatal(err, n)
				}
				v.Close()
			}
		})
	}
}
