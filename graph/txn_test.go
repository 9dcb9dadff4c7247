package graph

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func testTxnID(n byte) TxnID { return TxnID{0: n, 15: 1} }

// testPart is a part with one operation of each kind.
func testPart() *TxnPart {
	a, b := RefOf(MadeKey(testTxnID(1), 0)), RefOf("gomod m `m/p`/F().")
	made := Element{Vertex: a, Type: "KNOWS", Other: b, ID: EdgeIDOf(testTxnID(1), 1)}
	given := Element{Vertex: b, Type: "CALLS", Other: RefOf("gomod m `m/p`/G().")}
	props := Properties{"b": true, "f": 1.5, "i": int64(-3), "l": []any{int64(1), "x", false},
		"s": "text"}
	return &TxnPart{
		Mutations: []Mutation{
			{Kind: MutateCreate, On: Element{Vertex: a}, Labels: []string{"Person"}, Set: props},
			{Kind: MutateSet, On: Element{Vertex: b}, Labels: []string{"Seen"},
				DropLabels: []string{"New"}, Remove: []string{"x"}, Replace: true},
			{Kind: MutateDelete, On: Element{Vertex: a}, Detach: true},
			{Kind: MutateCreate, On: made, Halves: HalfBoth, Set: props},
			{Kind: MutateDelete, On: made, Halves: HalfOut},
			{Kind: MutateSet, On: given, Halves: HalfIn, Set: Properties{"w": int64(1)}},
		},
		Checks: []Check{
			{Kind: CheckExists, On: Element{Vertex: a}},
			{Kind: CheckAbsent, On: made},
			{Kind: CheckEquals, On: Element{Vertex: b}, Property: "p", Value: []any{"x"}},
			{Kind: CheckEquals, On: given, Property: "p"},
			{Kind: CheckUnchanged, On: Element{Vertex: b}, Since: 44},
		},
		Reads: []ReadEntry{{Kind: ReadVertex, Vertex: a.ID},
			{Kind: ReadEdges, Vertex: a.ID, Out: true, Type: "KNOWS"},
			{Kind: ReadEdges, Vertex: a.ID},
			{Kind: ReadIndex, Index: IndexLabel, Value: "Person"}},
		Locks: []LockRequest{{Vertex: a}, {Vertex: a, Exclusive: true}},
	}
}

func TestTxnRoundTrips(t *testing.T) {
	p := testPart()
	got, err := DecodeTxnPart(p.Encode())
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Fatalf("%+v\n%+v, %v", got, p, err)
	}
	id := testTxnID(9)
	one := &OnePhase{Txn: id, Primary: 7, Start: 10, Commit: 20, Part: *p}
	if got, err := DecodeOnePhase(one.Encode()); err != nil || !reflect.DeepEqual(got, one) {
		t.Errorf("one phase: %+v, %v", got, err)
	}
	prep := &Prepare{Txn: id, Primary: 7, Slots: SlotRange{3, 9}, Start: 10, At: 20,
		Participants: []SlotRange{{3, 9}, {11, 12}}, Part: *p}
	if got, err := DecodePrepare(prep.Encode()); err != nil || !reflect.DeepEqual(got, prep) {
		t.Errorf("prepare: %+v, %v", got, err)
	}
	dec := &Decide{Txn: id, Primary: 7, Start: 10, Commit: 30}
	if got, err := DecodeDecide(dec.Encode()); err != nil || *got != *dec {
		t.Errorf("decide: %+v, %v", got, err)
	}
	res := &Resolve{Txn: id, Primary: 7, Slots: SlotRange{3, 9}, Start: 10, Commit: 30, Final: true}
	if got, err := DecodeResolve(res.Encode()); err != nil || *got != *res {
		t.Errorf("resolve: %+v, %v", got, err)
	}
	rec := &TxnRecord{Status: TxnAborted, Primary: 7, Slots: SlotRange{3, 9}, Start: 1, Prepare: 2,
		Resolved: true, Participants: []SlotRange{{3, 9}}, Kind: KindConflict, Reason: ReasonChanged,
		Msg: "why"}
	if got, err := DecodeTxnRecord(rec.Encode()); err != nil || !reflect.DeepEqual(got, rec) {
		t.Errorf("record: %+v, %v", got, err)
	}
	for n := range len(one.Encode()) {
		if _, err := DecodeOnePhase(one.Encode()[:n]); err == nil {
			t.Fatalf("cut to %d bytes: accepted", n)
		}
	}
}

func TestMadeRoundTrips(t *testing.T) {
	props := Properties{"name": "Ann", "nan": math.NaN(), "n": int64(1) << 60}
	key := MadeKey(testTxnID(1), 4)
	v := &Vertex{ID: IDOf(key), Key: key, Kind: Function, Name: "Ann",
		Labels: []string{"Function", "Method", "Zoo"}, Properties: props}
	got, err := DecodeMade(v.ID, EncodeMade(v))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(v) {
		t.Errorf("%+v, %v", got, err)
	}
	if set := got.KindSet(); set != NewKindSet(Function, Method) {
		t.Errorf("kinds %v", set.List())
	}
	if got, err := DecodeMade(v.ID, EncodeMade(&Vertex{Key: key})); err != nil || got.Kind != Custom {
		t.Errorf("without labels: %+v, %v", got, err)
	}
	if !IsMade(key) || IsMade("gomod m `m`/F().") || SlotOf(key) != v.ID.Slot() {
		t.Error("the key does not tell who made the vertex")
	}
	wire := AppendVertex(nil, v)
	if got, rest, err := TakeVertex(wire); err != nil || len(rest) > 0 || got.Labels[2] != "Zoo" ||
		got.Properties["n"] != props["n"] {
		t.Errorf("wire: %+v, %v", got, err)
	}
	h := &Half{Key: key, OtherKey: "other", Properties: Properties{"since": 2.5}}
	if got, err := DecodeHalf(h.Encode()); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("half: %+v, %v", got, err)
	}
	o := &Overlay{Labels: []string{"A"}, Properties: Properties{"x": "y"}}
	if got, err := DecodeOverlay(o.Encode()); err != nil || !reflect.DeepEqual(got, o) {
		t.Errorf("overlay: %+v, %v", got, err)
	}
	if len((&Overlay{}).Encode()) != 0 {
		t.Error("an empty overlay is no tombstone")
	}
}

func TestEqualValues(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		a, b any
		want bool
	}{
		{int64(1), 1.0, true}, {1.0, int64(1), true}, {int64(1), 1.5, false},
		{int64(1<<62 + 1), float64(1 << 62), false}, {nan, nan, false}, {"a", "a", true},
		{"1", int64(1), false}, {true, true, true}, {[]any{int64(1)}, []any{1.0}, true},
		{[]any{"a"}, "a", false}, {"a", []any{"a"}, false}, {[]any{}, []any{"a"}, false},
	} {
		if got := EqualValues(test.a, test.b); got != test.want {
			t.Errorf("%v = %v: %v", test.a, test.b, got)
		}
	}
}

// TestRule1_1Owners: what only imports may do is refused by name (1.1).
func TestRule1_1Owners(t *testing.T) {
	given, made := RefOf("gomod m `m/p`/F()."), RefOf(MadeKey(testTxnID(1), 0))
	edge := Element{Vertex: given, Type: "CALLS", Other: made}
	for _, test := range []struct {
		name string
		m    Mutation
		want Reason
	}{
		{"create", Mutation{Kind: MutateCreate, On: Element{Vertex: given}}, ReasonOwnedByIngest},
		{"delete", Mutation{Kind: MutateDelete, On: Element{Vertex: given}}, ReasonOwnedByIngest},
		{"label", Mutation{Kind: MutateSet, On: Element{Vertex: given}, Labels: []string{"Method"}},
			ReasonOwnedByIngest},
		{"group", Mutation{Kind: MutateSet, On: Element{Vertex: given},
			DropLabels: []string{"Callable"}}, ReasonOwnedByIngest},
		{"delete edge", Mutation{Kind: MutateDelete, On: edge, Halves: HalfBoth},
			ReasonOwnedByIngest},
		{"own label", Mutation{Kind: MutateSet, On: Element{Vertex: given},
			Labels: []string{"Seen"}}, ""},
		{"set edge", Mutation{Kind: MutateSet, On: edge, Halves: HalfBoth}, ""},
	} {
		err := test.m.Validate()
		if ReasonOf(err) != test.want || (err == nil) != (test.want == "") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	made := RefOf(MadeKey(testTxnID(1), 0))
	on := Element{Vertex: made}
	long := strings.Repeat("x", MaxNameBytes+1)
	labels := make([]string, MaxLabels+1)
	for i := range labels {
		labels[i] = fmt.Sprint("L", i)
	}
	for _, m := range []Mutation{
		{Kind: 9, On: on},
		{Kind: MutateSet, On: on, Halves: HalfOut},
		{Kind: MutateCreate, On: Element{Vertex: made, Type: "T", Other: made}, Halves: HalfBoth},
		{Kind: MutateSet, On: Element{Vertex: made, Type: "T", Other: made}, Halves: HalfBoth},
		{Kind: MutateSet, On: Element{Vertex: made, Type: long, Other: made, ID: EdgeID{1}}, Halves: 3},
		{Kind: MutateSet, On: Element{Vertex: made, Type: "a\x00", Other: made, ID: EdgeID{1}},
			Halves: 3},
		{Kind: MutateSet, On: on, Labels: []string{""}},
		{Kind: MutateSet, On: on, Labels: labels},
		{Kind: MutateSet, On: on, Set: Properties{"x": nil}},
		{Kind: MutateSet, On: on, Set: Properties{"x": []any{[]any{}}}},
		{Kind: MutateSet, On: on, Set: Properties{"x": "\xff"}},
		{Kind: MutateSet, On: on, Set: Properties{"": true}},
		{Kind: MutateSet, On: on, Set: Properties{"x": strings.Repeat("y", MaxElementBytes)}},
	} {
		if err := m.Validate(); err == nil {
			t.Errorf("%+v is accepted", m)
		}
	}
	big := &Vertex{Key: made.Key, Properties: Properties{"x": strings.Repeat("y", 40<<10)}}
	add := Mutation{Kind: MutateSet, On: on, Set: Properties{"z": strings.Repeat("y", 40<<10)}}
	if _, err := add.ApplyVertex(big); !IsKind(err, KindLimit) {
		t.Errorf("two that are too large together: %v", err)
	}
}

func TestApplyMutation(t *testing.T) {
	on := Element{Vertex: RefOf(MadeKey(testTxnID(1), 0))}
	old := &Vertex{ID: on.Vertex.ID, Key: on.Vertex.Key, Labels: []string{"A", "B"},
		Properties: Properties{"a": int64(1), "b": int64(2)}}
	for _, test := range []struct {
		m      Mutation
		labels []string
		props  Properties
	}{
		{Mutation{Set: Properties{"a": "x"}, Remove: []string{"b", "c"}}, []string{"A", "B"},
			Properties{"a": "x"}},
		{Mutation{Set: Properties{"c": true}, Replace: true, Labels: []string{"0", "B"},
			DropLabels: []string{"A"}}, []string{"0", "B"}, Properties{"c": true}},
		{Mutation{Replace: true}, []string{"A", "B"}, nil},
	} {
		test.m.On = on
		got, err := test.m.ApplyVertex(old)
		if err != nil || !slices.Equal(got.Labels, test.labels) ||
			!reflect.DeepEqual(got.Properties, test.props) {
			t.Errorf("%+v: %v %v, %v", test.m, got.Labels, got.Properties, err)
		}
	}
	if len(old.Properties) != 2 || len(old.Labels) != 2 {
		t.Error("the old vertex has changed")
	}
}

func TestTxnRowKeys(t *testing.T) {
	v, w := IDOf(MadeKey(testTxnID(1), 0)), IDOf("gomod m `m/p`/F().")
	id := EdgeIDOf(testTxnID(1), 2)
	half := HalfRowKey(v, true, "KNOWS", w, id)
	lock := LockRowKey(edgeLock(v, false, "KNOWS", w, id), testTxnID(3))
	for _, test := range []struct {
		key  []byte
		want RowInfo
	}{
		{MadeRowKey(v), RowInfo{Kind: RowMade, Vertex: v}},
		{half, RowInfo{Kind: RowHalf, Vertex: v, Out: true, Type: "KNOWS", Other: w, Edge: id}},
		{OverlayRowKey(v), RowInfo{Kind: RowOverlay, Vertex: v}},
		{EdgeOverlayRowKey(v, false, Calls, w), RowInfo{Kind: RowOverlay, Vertex: v, Type: "CALLS",
			Other: w}},
		{lock, RowInfo{Kind: RowLock, Txn: testTxnID(3), Value: edgeLock(v, false, "KNOWS", w, id)}},
		{StagedRowKey(v.Slot(), testTxnID(3), half), RowInfo{Kind: RowTxn, Txn: testTxnID(3),
			Staged: string(half)}},
		{StagedRowKey(v.Slot(), testTxnID(3), lock), RowInfo{Kind: RowTxn, Txn: testTxnID(3),
			Staged: string(lock)}},
	} {
		test.want.Slot = v.Slot()
		got, err := ParseRow(test.key)
		if err != nil || got != test.want {
			t.Errorf("%x: %+v, %v; want %+v", test.key, got, err, test.want)
		}
	}
	rec, err := ParseRow(RecordRowKey(0x1234, testTxnID(3)))
	if err != nil || rec.Slot != 0x1200 || rec.Staged != "" || rec.Txn != testTxnID(3) {
		t.Errorf("record: %+v, %v", rec, err)
	}
	nested := StagedRowKey(v.Slot(), testTxnID(3), RecordRowKey(v.Slot(), testTxnID(4)))
	elsewhere := StagedRowKey(v.Slot()^0xff00, testTxnID(3), half)
	given := StagedRowKey(w.Slot(), testTxnID(3), vertexRowKey(RowVertex, w, 1))
	for _, key := range [][]byte{nested, elsewhere, given} {
		if info, err := ParseRow(key); err == nil {
			t.Errorf("%x is accepted as %+v", key, info)
		}
	}
}

// TestRule3_5Locks: making edges at one vertex excludes nobody but who deletes it; a lock covers
// what lies below it in the tree of names (3.5).
func TestRule3_5Locks(t *testing.T) {
	hub, a := RefOf(MadeKey(testTxnID(1), 0)), RefOf(MadeKey(testTxnID(1), 1))
	on := func(typ string, n int) Element {
		return Element{Vertex: a, Type: typ, Other: hub, ID: EdgeIDOf(testTxnID(2), n)}
	}
	create := func(n int) TxnPart {
		return TxnPart{Mutations: []Mutation{{Kind: MutateCreate, On: on("T", n), Halves: HalfIn}}}
	}
	vertex := func(k MutationKind) TxnPart {
		return TxnPart{Mutations: []Mutation{{Kind: k, On: Element{Vertex: hub}}}}
	}
	read := func(r ReadEntry) TxnPart {
		r.Vertex = hub.ID
		return TxnPart{Reads: []ReadEntry{r}}
	}
	for _, test := range []struct {
		name string
		a, b TxnPart
		want bool
	}{
		{"two edges", create(1), create(2), false},
		{"one edge twice", create(1), create(1), true},
		{"edge and deletion", create(1), vertex(MutateDelete), true},
		{"edge and SET", create(1), vertex(MutateSet), false},
		{"SET and deletion", vertex(MutateSet), vertex(MutateDelete), true},
		{"edge and read of the vertex", create(1), read(ReadEntry{Kind: ReadVertex}), false},
		{"edge and read of its edges", create(1), read(ReadEntry{Kind: ReadEdges, Type: "T"}), true},
		{"edge and read of all edges", create(1), read(ReadEntry{Kind: ReadEdges}), true},
		{"edge and read of others", create(1), read(ReadEntry{Kind: ReadEdges, Type: "TT"}), false},
		{"edge and read of out edges", create(1), read(ReadEntry{Kind: ReadEdges, Out: true}), false},
		{"SET and read", vertex(MutateSet), read(ReadEntry{Kind: ReadVertex}), true},
		{"deletion and read of edges", vertex(MutateDelete), read(ReadEntry{Kind: ReadEdges}), true},
		{"two reads", read(ReadEntry{Kind: ReadEdges}), read(ReadEntry{Kind: ReadEdges}), false},
		{"lock and SET", TxnPart{Locks: []LockRequest{{hub, true}}}, vertex(MutateSet), true},
		{"two shared", TxnPart{Locks: []LockRequest{{hub, false}}},
			TxnPart{Locks: []LockRequest{{hub, false}}}, false},
		{"shared and deletion", TxnPart{Locks: []LockRequest{{hub, false}}}, vertex(MutateDelete), true},
	} {
		if got := excludes(&test.a, &test.b); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
		if got := excludes(&test.b, &test.a); got != test.want {
			t.Errorf("%s, the other way round: %v", test.name, got)
		}
	}
}

func excludes(a, b *TxnPart) bool {
	all := SlotRange{0, Slots - 1}
	for _, x := range a.HeldLocks(all) {
		for _, y := range b.HeldLocks(all) {
			near := slices.Contains(LockLineage(x.Name), y.Name) ||
				slices.Contains(LockLineage(y.Name), x.Name)
			if near && (x.Exclusive || y.Exclusive) {
				return true
			}
		}
	}
	return false
}

// TestSplit: each half of an edge goes to the shard of its end, and putting the parts together
// gives the whole.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var shards []ShardRange
		n := 1 + r.IntN(5)
		for i := range n {
			shards = append(shards, ShardRange{uint64(i + 1), SlotRange{uint16(i * Slots / n),
				uint16((i+1)*Slots/n - 1)}})
		}
		p := testPart()
		parts, err := p.Split(shards)
		if err != nil {
			t.Fatal(err)
		}
		halves := map[string]Halves{}
		vertices := 0
		for _, part := range parts {
			own := shards[part.Shard-1].Slots
			got, _ := part.Part.Slots()
			if !own.Covers(part.Slots) || !part.Slots.Covers(got) {
				t.Fatalf("shard %d: touches %v, says %v, has %v", part.Shard, got, part.Slots, own)
			}
			for _, m := range part.Part.Mutations {
				if !m.On.IsEdge() {
					vertices++
					continue
				}
				name := fmt.Sprint(m.On.String(), m.Kind)
				if halves[name]&m.Halves != 0 {
					t.Fatalf("%s goes to two shards", name)
				}
				halves[name] |= m.Halves
			}
			if !slices.ContainsFunc(part.Part.Reads, func(r ReadEntry) bool {
				return r.Kind == ReadIndex
			}) {
				t.Fatalf("shard %d does not judge what was read of an index", part.Shard)
			}
		}
		if len(parts) != n || vertices != 3 {
			t.Fatalf("%d parts with %d vertices", len(parts), vertices)
		}
		for _, m := range p.Mutations {
			if m.On.IsEdge() && halves[fmt.Sprint(m.On.String(), m.Kind)] != m.Halves {
				t.Fatalf("%s: halves %v", &m.On, halves)
			}
		}
	}
	if _, err := testPart().Split([]ShardRange{{1, SlotRange{0, 0}}}); !IsKind(err, KindUnavailable) {
		t.Errorf("a slot without a shard: %v", err)
	}
}

// FuzzTxn: no decoder of transactions panics on hostile bytes, and what is accepted keeps its
// meaning when it is encoded again (G6).
func FuzzTxn(f *testing.F) {
	p := testPart()
	id := testTxnID(2)
	f.Add(p.Encode())
	f.Add((&OnePhase{Txn: id, Part: *p}).Encode())
	f.Add((&Prepare{Txn: id, Participants: []SlotRange{{1, 2}}, Part: *p}).Encode())
	f.Add((&TxnRecord{Status: TxnPrepared, Participants: []SlotRange{{1, 2}}}).Encode())
	f.Add((&Overlay{Labels: []string{"x"}, Properties: Properties{"l": []any{1.5}}}).Encode())
	f.Add(EncodeMade(&Vertex{Key: "k", Labels: []string{"A", "B"}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := DecodeTxnPart(data); err == nil {
			b := p.Encode()
			again, err := DecodeTxnPart(b)
			if err != nil || !bytes.Equal(again.Encode(), b) {
				t.Fatalf("%+v, again %+v, %v", p, again, err)
			}
			for _, l := range p.HeldLocks(SlotRange{0, 600}) {
				if info, err := ParseRow(LockRowKey(l.Name, id)); err != nil || info.Value != l.Name {
					t.Fatalf("lock %x: %+v, %v", l.Name, info, err)
				}
			}
			for i := range p.Mutations {
				if on := &p.Mutations[i].On; on.IsEdge() {
					if _, err := ParseRow(on.HalfKey(true)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for _, err := range []error{
			second(DecodeOnePhase(data)), second(DecodePrepare(data)), second(DecodeDecide(data)),
			second(DecodeResolve(data)), second(DecodeTxnRecord(data)), second(DecodeHalf(data)),
			second(DecodeOverlay(data)), second(DecodeMade(VertexID{}, data)),
			second(DecodeLock(LockRowKey(vertexLock(VertexID{}, ""), id), data)),
		} {
			if err != nil && KindOf(err) == KindOther {
				t.Errorf("error without a kind: %v", err)
			}
		}
		if lineage := LockLineage(string(data)); lineage != nil && LockText(string(data)) == "" {
			t.Error("a lock without a name")
		}
	})
}

func second[T any](_ T, err error) error { return err }
