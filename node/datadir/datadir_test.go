package datadir

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

func openDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path, "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestDataDirInUse(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	_, err := Open(path, "c")
	wantError(t, "second opening", err, graph.KindConflict, path,
		"process "+strconv.Itoa(os.Getpid()), "--data-dir")
	d.Close()
	openDir(t, path)
}

func TestDataDirIdentitySurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "on", "the", "way")
	d := openDir(t, path)
	first := d.ID
	d.ID.ClusterID = "cluster"
	if err := d.Save(); err != nil {
		t.Fatal(err)
	}
	d.Close()
	again := openDir(t, path).ID
	if first.NodeID == "" || again.NodeID != first.NodeID || again.ClusterID != "cluster" {
		t.Errorf("identity %+v became %+v", first, again)
	}
	other := openDir(t, t.TempDir()).ID
	if other.NodeID == first.NodeID {
		t.Error("two directories have one node id")
	}
}

// edit changes the text of the identity.
func edit(t *testing.T, path, from, to string) {
	t.Helper()
	file := filepath.Join(path, nodeFile)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(data), from, to, 1)
	if changed == string(data) {
		t.Fatalf("%q is not in %s", from, data)
	}
	if err := os.WriteFile(file, []byte(changed), filePerm); err != nil {
		t.Fatal(err)
	}
}

func TestDataDirRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		spoil   func(t *testing.T, path string)
		cluster string
		kind    graph.ErrorKind
		says    []string
	}{
		{"other cluster", func(*testing.T, string) {}, "other", graph.KindConflict,
			[]string{`"c"`, `"other"`, "--cluster-name c"}},
		{"newer format", func(t *testing.T, path string) { edit(t, path, `"format": 2`, `"format": 3`) },
			"c", graph.KindUnsupported, []string{"format 3", "reads 2"}},
		{"older format", func(t *testing.T, path string) { edit(t, path, `"format": 2`, `"format": 1`) },
			"c", graph.KindUnsupported, []string{"format 1", "reads 2", "ingest again"}},
		{"not JSON", func(t *testing.T, path string) { edit(t, path, `{`, `<`) }, "c",
			graph.KindCorrupt, []string{nodeFile}},
		{"logs gone", func(t *testing.T, path string) { remove(t, path, LogDir) }, "c",
			graph.KindCorrupt, []string{LogDir, "is gone", "remove the whole data directory"}},
		{"meta gone", func(t *testing.T, path string) { remove(t, path, MetaDir) }, "c",
			graph.KindCorrupt, []string{MetaDir, "is gone"}},
		{"identity gone", func(t *testing.T, path string) { remove(t, path, nodeFile) }, "c",
			graph.KindConflict, []string{"not empty", nodeFile, "empty directory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir()
			d := openDir(t, path)
			for _, sub := range []string{MetaDir, LogDir} {
				if err := os.Mkdir(d.Join(sub), DirPerm); err != nil {
					t.Fatal(err)
				}
			}
			d.ID.Stores = true
			if err := d.Save(); err != nil {
				t.Fatal(err)
			}
			d.Close()
			c.spoil(t, path)
			_, err := Open(path, c.cluster)
			wantError(t, c.name, err, c.kind, append(c.says, path)...)
			// A refusal gives the lock back.
			if d, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR, 0); err == nil {
				probe := Dir{Path: path}
				if err := probe.acquire(); err != nil {
					t.Errorf("after the refusal: %v", err)
				}
				probe.Close()
				d.Close()
			}
		})
	}
}

func remove(t *testing.T, path, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(path, name)); err != nil {
		t.Fatal(err)
	}
}

func TestDataDirForeign(t *testing.T) {
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "thesis.doc"), nil, filePerm); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, "c")
	wantError(t, "somebody's directory", err, graph.KindConflict, path, "not empty")

	fresh := t.TempDir() // the root of a new ext4 file system
	if err := os.Mkdir(filepath.Join(fresh, "lost+found"), DirPerm); err != nil {
		t.Fatal(err)
	}
	openDir(t, fresh)

	file := filepath.Join(path, "thesis.doc")
	_, err = Open(file, "c")
	wantError(t, "a file", err, graph.KindInvalid, file)
}

// A crash between writing the new identity and renaming it leaves the old one.
func TestDataDirIdentityIsReplacedAtomically(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	id := d.ID.NodeID
	d.Close()
	if err := os.WriteFile(filepath.Join(path, nodeFile+".tmp"), []byte("{"), filePerm); err != nil {
		t.Fatal(err)
	}
	if got := openDir(t, path).ID.NodeID; got != id {
		t.Errorf("node %s became %s", id, got)
	}
}
