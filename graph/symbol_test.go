package graph

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

func TestSymbolRoundTrip(t *testing.T) {
	for _, test := range []struct {
		key       string
		manager   string
		pkg       string
		name      string
		qualified string
		kinds     []DescriptorKind
	}{
		{"gomod k8s.io/api `k8s.io/api/core/v1`/Pod#", "gomod", "k8s.io/api", "Pod",
			"k8s.io/api/core/v1.Pod", []DescriptorKind{NamespaceDesc, TypeDesc}},
		{"gomod m `m/p`/Server#Serve(a1b2).", "gomod", "m", "Serve", "m/p.Server.Serve",
			[]DescriptorKind{NamespaceDesc, TypeDesc, MethodDesc}},
		{"npm @types/node `fs.d.ts`/readFile().", "npm", "@types/node", "readFile",
			"fs.d.ts.readFile", []DescriptorKind{NamespaceDesc, MethodDesc}},
		{"npm react src/`index.ts`/App#state.", "npm", "react", "state", "src/index.ts.App.state",
			[]DescriptorKind{NamespaceDesc, NamespaceDesc, TypeDesc, TermDesc}},
		{"maven org.a/b org/a/List#`<init>`(+1).", "maven", "org.a/b", "<init>",
			"org/a.List.<init>", []DescriptorKind{NamespaceDesc, NamespaceDesc, TypeDesc, MethodDesc}},
		{"pip requests requests/api/__init__:", "pip", "requests", "__init__",
			"requests/api.__init__", []DescriptorKind{NamespaceDesc, NamespaceDesc, MetaDesc}},
		{"repo . `a  b`/", "repo", "", "a  b", "a  b", []DescriptorKind{NamespaceDesc}},
		{"my  manager a  package x.", "my manager", "a package", "x", "x", []DescriptorKind{TermDesc}},
		{"cargo c `back``tick`#", "cargo", "c", "back`tick", "back`tick", []DescriptorKind{TypeDesc}},
	} {
		s, err := ParseSymbol(test.key)
		if err != nil {
			t.Errorf("%s: %v", test.key, err)
			continue
		}
		var kinds []DescriptorKind
		for _, d := range s.Descriptors {
			kinds = append(kinds, d.Kind)
		}
		if s.Manager != test.manager || s.Package != test.pkg || s.Name() != test.name ||
			s.QualifiedName() != test.qualified || !reflect.DeepEqual(kinds, test.kinds) {
			t.Errorf("%s: parsed as %+v, name %q, qualified %q", test.key, s, s.Name(),
				s.QualifiedName())
		}
		if got := s.String(); got != test.key {
			t.Errorf("%s: written as %s", test.key, got)
		}
	}
}

func TestSymbolRefuses(t *testing.T) {
	for _, key := range []string{"", "gomod", "gomod m", "gomod m ", "gomod m x", "gomod m `x",
		"gomod m ``/", "gomod m f(", "gomod m f()", "gomod m a b#", "gomod m x!"} {
		if s, err := ParseSymbol(key); !IsKind(err, KindInvalid) {
			t.Errorf("%q: parsed as %+v, %v", key, s, err)
		}
	}
}

// FuzzSymbol: what parses is written and parsed again to the same.
func FuzzSymbol(f *testing.F) {
	f.Add("gomod k8s.io/api `k8s.io/api/core/v1`/Pod#")
	f.Add("a  b . `x``y`/z(+1).")
	f.Fuzz(func(t *testing.T, key string) {
		s, err := ParseSymbol(key)
		if err != nil {
			return
		}
		again, err := ParseSymbol(s.String())
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%q: %+v, written %q, again %+v, %v", key, s, s.String(), again, err)
		}
		IDOf(key)
	})
}

// TestIDsGolden: ids are stored; they must never change (G1, G2).
func TestIDsGolden(t *testing.T) {
	for _, test := range []struct{ key, id string }{
		{"gomod k8s.io/api `k8s.io/api/core/v1`/Pod#", "1c38fc7c894da0a2f4d341924519844a"},
		{"npm react src/`index.ts`/App#", "bd415e1fbfb5dc73c7c3560ca836bb56"},
		{"repo 7 a/`b.go`/", "f64bee9d8bebf37304745dd002fda42a"},
		{"unresolved . printf.", "dab49890113519307c65e6f0706f04b7"},
		{"c . main().", "f9a604b2d0ff80305a092c98d90f0001"},
		{"not a key", "ad44edfc089719c0a061bec08afad3de"},
	} {
		if got := IDOf(test.key).String(); got != test.id {
			t.Errorf("%s: id %s, was %s", test.key, got, test.id)
		}
		if IDOf(test.key).Slot() != SlotOf(test.key) {
			t.Errorf("%s: slot %d differs from the id's", test.key, SlotOf(test.key))
		}
		back, ok := ParseVertexID(test.id)
		if !ok || back != IDOf(test.key) {
			t.Errorf("%s does not parse back", test.id)
		}
	}
	if got := OwnerOf(7, SourceSCIP, "a/b.go"); got != 0x58b9d901fa6eb47 {
		t.Errorf("owner %#x has changed", uint64(got))
	}
}

func TestSlots(t *testing.T) {
	slot := SlotOf
	if slot("gomod m `m/p`/A#") != slot("gomod m `m/p`/B#x.") {
		t.Error("one Go package has several slots")
	}
	if slot("gomod m `m/p`/A#") == slot("gomod m `m/q`/A#") {
		t.Error("two Go packages have one slot")
	}
	if slot("npm m src/`a.ts`/f().") != slot("npm m src/`b.ts`/g().") {
		t.Error("files of one directory have several slots")
	}
	a, b := slot("c . a()."), slot("c . b().")
	if a>>6 != b>>6 || a == b {
		t.Errorf("keys without namespaces: slots %d and %d, want 6 bits apart", a, b)
	}
	if slot(UnresolvedKey("x"))>>6 == slot(UnresolvedKey("y"))>>6 {
		t.Error("unresolved references share a slot")
	}
	if slot("not a key") == slot("another") {
		t.Error("malformed keys share a slot")
	}
}

func TestTimestamps(t *testing.T) {
	c := TimestampAt(1_790_000_000_000)
	if c.IsImport() || !c.ImportID().IsImport() || c.UnixMilli() != 1_790_000_000_000 {
		t.Errorf("%s: parts are wrong", c)
	}
	for _, test := range []struct{ t, floor, want Timestamp }{
		{10, 0, 12}, {11, 0, 12}, {10, 20, 20}, {10, 21, 22}, {0, 0, 2},
	} {
		if got := test.t.NextCommit(test.floor); got != test.want {
			t.Errorf("%d.NextCommit(%d) = %d, want %d", test.t, test.floor, got, test.want)
		}
	}
}

func TestCamelParts(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"HTTPServer_v2", "http server v2"}, {"parseFile", "file parse"}, {"x", "x"}, {"", ""},
		{"__init__", "init"}, {"getURL", "get url"}, {"aAa", "a aa"}, {"A", "a"}, {"ABC", "abc"},
		{"snake_case_name", "case name snake"}, {"größeÄndern", "größe ändern"},
		{"IOError", "error io"}, {"a-b.c", "a b c"},
	} {
		if got := strings.Join(CamelParts(test.name), " "); got != test.want {
			t.Errorf("%q: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestRowKeys(t *testing.T) {
	v, owner := IDOf("gomod m `m/p`/F()."), OwnerOf(1, SourceTreeSitter, "a.go")
	long := strings.Repeat("n", 300)
	for _, test := range []struct {
		key  []byte
		want RowInfo
	}{
		{vertexRowKey(RowVertex, v, owner), RowInfo{Kind: 'N', Vertex: v, Owner: owner}},
		{vertexRowKey(RowDoc, v, owner), RowInfo{Kind: 'D', Vertex: v, Owner: owner}},
		{edgeRowKey(RowOut, v, owner, 3), RowInfo{Kind: 'O', Vertex: v, Owner: owner, Part: 3}},
		{edgeRowKey(RowIn, v, owner, 9), RowInfo{Kind: 'I', Vertex: v, Owner: owner, Part: 9}},
		{ownerRowKey(v.Slot(), owner, 2), RowInfo{Kind: 'F', Owner: owner, Part: 2}},
		{indexRowKey(IndexName, "F", v, owner),
			RowInfo{Kind: 'X', Vertex: v, Owner: owner, Index: IndexName, Value: "F"}},
		{indexRowKey(IndexName, "", v, owner),
			RowInfo{Kind: 'X', Vertex: v, Owner: owner, Index: IndexName}},
		{indexRowKey(IndexName, long, v, owner),
			RowInfo{Kind: 'X', Vertex: v, Owner: owner, Index: IndexName, Value: long[:256]}},
		{indexRowKey(IndexRepo, RepoIndexValue(256), v, owner), RowInfo{Kind: 'X', Vertex: v,
			Owner: owner, Index: IndexRepo, Value: RepoIndexValue(256)}},
		{indexRowKey(IndexKind, KindIndexValue(Function), v, owner), RowInfo{Kind: 'X', Vertex: v,
			Owner: owner, Index: IndexKind, Value: KindIndexValue(Function)}},
	} {
		test.want.Slot = v.Slot()
		got, err := ParseRow(test.key)
		if err != nil || got != test.want {
			t.Errorf("%x: %+v, %v; want %+v", test.key, got, err, test.want)
		}
		for n := range len(test.key) {
			if short, err := ParseRow(test.key[:n]); err == nil {
				t.Errorf("%x, cut to %d: parsed as %+v", test.key, n, short)
			}
		}
	}
	zero := append(IndexPrefix(byte(v.Slot()>>8), IndexName, "a\x00b", true), v[:]...)
	if _, err := ParseRow(binary.BigEndian.AppendUint64(zero, 1)); err != nil {
		t.Errorf("a zero byte in a value: %v", err)
	}
	raw := append([]byte{RowIndex, byte(v.Slot() >> 8), byte(IndexName), 'a', 0, 'b', 0}, v[:]...)
	if _, err := ParseRow(binary.BigEndian.AppendUint64(raw, 1)); err == nil {
		t.Error("an X key that does not parse from its front is accepted")
	}
}
