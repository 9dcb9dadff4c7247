package shard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/codegraphdb/codegraph/graph"
)

// A transcript drives one replica. Files are described as `path: symbol[/signature] ...; a>b ...`,
// a lone `-` deletes the file. What is written is the difference to the last committed state, or,
// with the argument whole, all rows.
type transcript struct {
	t       *testing.T
	fs      *vfs.MemFS
	s       *Shard
	index   uint64
	term    uint64
	base    map[string][]graph.Row
	pending map[graph.Timestamp]map[string][]graph.Row
	cursor  []byte
	epoch   uint64
	view    *View
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			x := &transcript{t: t, fs: vfs.NewCrashableMem(), term: 1,
				base:    map[string][]graph.Row{},
				pending: map[graph.Timestamp]map[string][]graph.Row{}}
			x.reopen()
			defer func() { x.s.Close() }()
			datadriven.RunTest(t, f, x.run)
		})
	}
}

func (x *transcript) reopen() {
	s, err := Open("shard", Options{ID: 1, Slots: allSlots(), FS: x.fs})
	if err != nil {
		x.t.Fatal(err)
	}
	x.s = s
}

func (x *transcript) run(t *testing.T, d *datadriven.TestData) string {
	num := func(key string, def uint64) uint64 {
		d.MaybeScanArgs(t, key, &def)
		return def
	}
	switch d.Cmd {
	case "write":
		return x.write(d, num)
	case "outcome":
		id, commit := graph.Timestamp(num("import", 0)), graph.Timestamp(num("commit", 0))
		res := x.apply(EncodeOutcome(num("evaluated", x.term), num("epoch", x.epoch),
			graph.Outcome{Import: id, Commit: commit}), num)
		if commit != 0 && strings.HasPrefix(res, "ok") {
			for p, rows := range x.pending[id] {
				x.base[p] = rows
			}
		}
		return res
	case "configure":
		x.epoch = num("epoch", x.epoch)
		return x.apply(EncodeConfigure(x.term, Descriptor{num("id", 1), x.epoch,
			SlotRange{Lo: uint16(num("lo", 0)),
				Hi: uint16(num("hi", graph.Slots-1))}}), num)
	case "gc":
		return x.gc(num)
	case "raw":
		return x.apply([]byte(strings.TrimSpace(d.Input)), num)
	case "read":
		return x.read(d, num)
	case "check":
		return x.check()
	case "flush":
		if _, err := x.s.Flush(); err != nil {
			return err.Error()
		}
		return x.positions()
	case "crash":
		x.fs = x.fs.CrashClone(vfs.CrashCloneCfg{})
		x.s.Close()
		x.reopen()
		x.index, _ = x.s.Applied()
		return x.positions()
	}
	t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	return ""
}

func (x *transcript) positions() string {
	applied, term := x.s.Applied()
	durable, err := x.s.DurableApplied()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("applied %d, term %d, durable %d", applied, term, durable)
}

func (x *transcript) apply(cmd []byte, num func(string, uint64) uint64) string {
	x.index++
	x.term = num("term", x.term)
	index := num("index", x.index)
	res, err := x.s.Apply([]Entry{{index, x.term, cmd}})
	if err != nil {
		return fmt.Sprintf("fatal, %s: %s", graph.KindOf(err), err)
	}
	r := res[0]
	out := "ok"
	switch {
	case r.Err != nil:
		return fmt.Sprintf("refused, %s: %s", graph.KindOf(r.Err), r.Err)
	case r.Skipped:
		return "skipped"
	case r.Duplicate:
		out = "ok, had it"
	}
	if r.SealIndex != 0 {
		out += fmt.Sprintf(", sealed at %d", r.SealIndex)
	}
	if r.Removed > 0 || r.Done || r.Cursor != nil {
		out += fmt.Sprintf(", removed %d, done %v", r.Removed, r.Done)
		x.cursor = r.Cursor
	}
	return out
}

func (x *transcript) write(d *datadriven.TestData, num func(string, uint64) uint64) string {
	id := graph.Timestamp(num("import", 0))
	b := &graph.Batch{Import: id, Attempt: uint32(num("attempt", 1)), Seq: num("seq", 1),
		Repo: graph.RepoID(num("repo", 1)), Seal: d.HasArg("seal")}
	if x.pending[id] == nil {
		x.pending[id] = map[string][]graph.Row{}
	}
	for line := range strings.Lines(d.Input) {
		path, facts := parseFile(x.t, b.Repo, strings.TrimSpace(line))
		var rows []graph.Row
		if facts != nil {
			rows = facts.Rows()
		}
		x.pending[id][path] = rows
		base := x.base[path]
		if d.HasArg("whole") {
			base = nil
		}
		b.Rows = append(b.Rows, diffRows(x.t, base, rows)...)
	}
	if d.HasArg("bad-key") {
		b.Rows = append(b.Rows, graph.Row{Key: []byte("Mapplied"), Value: []byte("x")})
	}
	return x.apply(EncodeWrite(num("evaluated", x.term), num("epoch", x.epoch), b.Encode()), num)
}

// diffRows is graph.Diff between two lists of rows of one owner.
func diffRows(t testing.TB, base, rows []graph.Row) []graph.Row {
	if len(base) == 0 {
		return graph.Diff(nil, nil, rows)
	}
	f := slices.IndexFunc(base, func(r graph.Row) bool { return r.Key[0] == graph.RowOwner })
	m, err := graph.DecodeManifest(base[f:])
	if err != nil {
		t.Fatal(err)
	}
	return graph.Diff(m, base[f:], rows)
}

func symbolKey(name string) string {
	if n, ok := strings.CutPrefix(name, "?"); ok {
		return graph.UnresolvedKey(n)
	}
	return graph.Symbol{Manager: graph.ManagerGo, Package: "m"}.
		Child(graph.NamespaceDesc, "m/p").Child(graph.TermDesc, name).String()
}

func parseFile(t testing.TB, repo graph.RepoID, line string) (string, *graph.OwnerFacts) {
	path, rest, ok := strings.Cut(line, ":")
	if !ok {
		t.Fatalf("%q is no file", line)
	}
	if strings.TrimSpace(rest) == "-" {
		return path, nil
	}
	f := &graph.OwnerFacts{Repo: repo, Path: path, Source: graph.SourceTreeSitter,
		Home: graph.SlotOf(symbolKey("x")), Status: graph.StatusOK}
	defs, calls, _ := strings.Cut(rest, ";")
	defined := map[string]bool{}
	for i, w := range strings.Fields(defs) {
		name, sig, _ := strings.Cut(w, "/")
		defined[name] = true
		key := symbolKey(name)
		f.Vertices = append(f.Vertices, graph.Vertex{ID: graph.IDOf(key), Kind: graph.Function,
			Key: key, Name: name, Repo: repo, Path: path, Signature: sig, Doc: "doc of " + name,
			Source: graph.SourceTreeSitter, Span: graph.Span{Line: uint32(i + 1)}})
	}
	for _, w := range strings.Fields(calls) {
		src, dst, _ := strings.Cut(w, ">")
		f.Edges = append(f.Edges, graph.Edge{Src: graph.IDOf(symbolKey(src)), Type: graph.Calls,
			Dst: graph.IDOf(symbolKey(dst)), DstKey: symbolKey(dst), DstForeign: !defined[dst],
			Resolution: graph.Exact, Provenance: graph.FromSyntax, Confidence: 90,
			Sites: []graph.Site{{Line: 1, Column: 2}}})
	}
	return path, f
}

func (x *transcript) gc(num func(string, uint64) uint64) string {
	var cursor []byte
	if num("continue", 0) == 1 {
		cursor = x.cursor
	}
	gc := GC{Safepoint: graph.Timestamp(num("safepoint", 0)), Cursor: cursor,
		MaxRows: int(num("max", 1<<20))}
	for _, name := range []string{"pin", "pin2"} {
		if p := num(name, 0); p != 0 {
			gc.Pins = append(gc.Pins, graph.Timestamp(p))
		}
	}
	return x.apply(EncodeGC(num("evaluated", x.term), x.epoch, gc), num)
}

// read prints vertices by name with their callees and callers. `hold` keeps the view open, `held`
// reads through it again.
func (x *transcript) read(d *datadriven.TestData, num func(string, uint64) uint64) string {
	v := x.view
	if !d.HasArg("held") {
		gv := graph.View{At: graph.Timestamp(num("at", 0))}
		if id := num("with", 0); id != 0 {
			gv.Outcomes = []graph.Outcome{{Import: graph.Timestamp(id),
				Commit: graph.Timestamp(num("commit", 0))}}
		}
		var err error
		if v, err = x.s.View(gv); err != nil {
			return fmt.Sprintf("refused, %s: %s", graph.KindOf(err), err)
		}
	}
	out, err := describe(v, strings.Fields(d.Input))
	if d.HasArg("hold") {
		x.view = v
		return out
	}
	if err := errors.Join(err, v.Close()); err != nil {
		return err.Error()
	}
	return out
}

func describe(v *View, names []string) (string, error) {
	ctx := context.Background()
	ids := make([]graph.VertexID, len(names))
	for i, n := range names {
		ids[i] = graph.IDOf(symbolKey(n))
	}
	vs, err := v.Lookup(ctx, ids, true)
	if err != nil {
		return "", err
	}
	adj, _, err := v.Expand(ctx, ids, &graph.ExpandSpec{Out: true, In: true})
	if err != nil {
		return "", err
	}
	byVertex := map[graph.VertexID]string{}
	for i, id := range ids {
		byVertex[id] = names[i]
	}
	var b strings.Builder
	for i := range vs {
		fmt.Fprintf(&b, "%s: %s", names[i], vs[i].Kind)
		for _, s := range []string{vs[i].Signature, vs[i].Path, vs[i].Doc} {
			if s != "" {
				fmt.Fprintf(&b, " %q", s)
			}
		}
		var edges []string
		for _, e := range adj[i].Edges {
			edges = append(edges, map[bool]string{true: " >", false: " <"}[e.Out]+byVertex[e.Other])
		}
		sort.Strings(edges)
		b.WriteString(strings.Join(edges, "") + "\n")
	}
	n, err := v.Count(ctx, &graph.ScanSpec{Index: graph.IndexKind})
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "%d vertices\n", n)
	return b.String(), nil
}

// check compares the figures that are kept with a recount.
func (x *transcript) check() string {
	d, rows := x.s.Digest()
	rd, rrows, err := x.s.Recount()
	if err != nil {
		return err.Error()
	}
	st := x.s.Stats()
	sum := int64(0)
	for _, n := range st.Rows {
		sum += n
	}
	if d != rd || rows != rrows || rows != sum {
		return fmt.Sprintf("WRONG: kept %s of %d (%d by kind), found %s of %d", d, rows, sum, rd, rrows)
	}
	due := ""
	if st.Due != 0 {
		due = fmt.Sprintf(", GC due at %d", uint64(st.Due))
	}
	return fmt.Sprintf("consistent: %d rows, imports %d (%d open), watermark %d%s", rows, st.Imports,
		st.Open, uint64(st.Watermark), due)
}
