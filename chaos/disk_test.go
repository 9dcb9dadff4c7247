//go:build chaosroot

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph"
)

// figures are what a run has measured, in order.
type figures struct {
	names  []string
	values map[string]any
	missed []string
}

func (f *figures) add(name string, value any) {
	if d, ok := value.(time.Duration); ok {
		value = float64(d.Milliseconds()) / 1000
	}
	f.names = append(f.names, name)
	f.values[name] = value
}

// write prints a table and, as last line, everything in JSON.
func (f *figures) write(file string) error {
	var b strings.Builder
	for _, name := range f.names {
		fmt.Fprintf(&b, "%-44s %v\n", strings.ReplaceAll(name, "_", " "), f.values[name])
	}
	f.values["missed"] = f.missed
	last, err := json.Marshal(f.values)
	if err != nil {
		return err
	}
	b.Write(append(last, '\n'))
	return os.WriteFile(file, []byte(b.String()), 0o600)
}

// TestFullDisk has nodes on real file systems that fill up. `make chaos-disk` runs it, as root and
// with mounts that nobody else sees.
func TestFullDisk(t *testing.T) {
	file := os.Getenv("FIGURES")
	if os.Geteuid() != 0 || file == "" {
		t.Fatal("this mounts file systems and is run by `make chaos-disk`, as root")
	}
	f := &figures{values: map[string]any{}, missed: []string{}}
	for _, s := range []struct {
		name string
		run  func(*testing.T, *figures)
	}{
		{"floor", testDiskFloor},
		{"own-writing", testOwnWriting},
		{"no-space", testNoSpace},
		{"no-space-on-one", testNoSpaceOnOne},
	} {
		if !t.Run(s.name, func(t *testing.T) { s.run(t, f) }) {
			f.missed = append(f.missed, s.name)
		}
	}
	if err := f.write(file); err != nil {
		t.Fatal(err)
	}
}

// diskRig is a cluster whose nodes have a disk each.
type diskRig struct {
	*rig
	disks  []*loopDisk
	client *codegraph.Client
}

// newDiskRig starts three nodes with the floor that they have in operation.
func newDiskRig(t *testing.T) *diskRig {
	t.Helper()
	t.Setenv("CODEGRAPH_DISK_FLOOR", "") // so that it comes back
	os.Unsetenv("CODEGRAPH_DISK_FLOOR")
	images := t.TempDir()
	d := &diskRig{}
	t.Cleanup(func() { // after the nodes are gone
		for _, disk := range d.disks {
			disk.unmount()
		}
	})
	d.rig = newStoppedRig(t, 3)
	for i := range d.Size() {
		d.disks = append(d.disks, newLoopDisk(t, filepath.Join(images, itoa(i+1)), d.DataDir(i),
			diskBytes))
	}
	d.start()
	d.client = d.rig.client()
	return d
}

// waitFull waits until a node says that its disk is full, or that it is not.
func (d *diskRig) waitFull(node int, want float64) {
	d.t.Helper()
	wait(d.t, readWithin, fmt.Sprintf("codegraph_disk_full %v on node %d", want, node+1),
		func() bool { return d.metric(node, "codegraph_disk_full") == want })
}

// checkRefused ingests, which must be refused in words that name one of the disks.
func (d *diskRig) checkRefused(h *history, nodes ...int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), ingestWithin)
	defer cancel()
	p := d.cgctl(ctx, "ingest", h.tree.dir+"/"+h.tree.repo, "--name", h.tree.repo)
	code, text := p.wait(), p.err.String()
	d.t.Logf("refusal: %s", text)
	if code != 7 {
		d.t.Errorf("want exit code 7: %v", p)
	}
	named := false
	for _, i := range nodes {
		var said int64
		_, rest, found := strings.Cut(text, "disk of "+d.DataDir(i)+" has ")
		if _, err := fmt.Sscanf(rest, "%d MiB free", &said); found && err == nil {
			named = max(said, d.disks[i].free()/mib)-min(said, d.disks[i].free()/mib) <= 8
		}
	}
	if !named {
		d.t.Errorf("the refusal does not name a full disk and its free space: %s", text)
	}
	for _, word := range []string{"below the floor of 1024 MiB", "free space or enlarge the disk"} {
		if !strings.Contains(text, word) {
			d.t.Errorf("the refusal does not say %q: %s", word, text)
		}
	}
}

// pids are the processes of all nodes.
func (d *diskRig) pids() []int {
	var out []int
	for i := range d.Size() {
		out = append(out, d.PID(i))
	}
	return out
}

// checkSame holds the nodes to having lived since pids was called.
func (d *diskRig) checkSame(pids []int) {
	d.t.Helper()
	for i, pid := range pids {
		if d.PID(i) != pid || pid == 0 {
			d.t.Errorf("node %d was process %d and is %d", i+1, pid, d.PID(i))
		}
	}
}

// checkAll holds the cluster to everything that was acknowledged.
func (d *diskRig) checkAll(all ...*history) {
	d.t.Helper()
	for _, h := range all {
		checkHistory(d.t, h)
		d.checkContent(h, d.client)
	}
	d.checkReplicas(d.client)
}

// testDiskFloor fills the disks of all nodes below the floor, then that of one node.
func testDiskFloor(t *testing.T, f *figures) {
	d := newDiskRig(t)
	free, total := d.disks[0].space()
	f.add("disk_mib", total/mib)
	f.add("free_at_start_mib", free/mib)
	f.add("floor_mib", defFloor/mib)
	h := newTree(t, "floor", 12, 5)
	d.ingest(h)
	pids, rd := d.pids(), d.startReader(h)

	for _, nodes := range [][]int{{0, 1, 2}, {1}} {
		for _, i := range nodes {
			d.disks[i].fill(defFloor / 2)
		}
		began := time.Now()
		for i := range d.Size() {
			want := 0.0
			if len(nodes) > 1 || i == nodes[0] {
				want = 1
			}
			d.waitFull(i, want)
		}
		f.add(fmt.Sprintf("seen_full_%d_of_3_s", len(nodes)), time.Since(began))
		d.checkRefused(h, nodes...)
		d.checkContent(h, d.client)
		for i := range d.Size() {
			d.checkSnapshotReads(h, i)
		}
		for _, i := range nodes {
			d.disks[i].empty()
		}
		began = time.Now()
		for _, i := range nodes {
			d.waitFull(i, 0)
		}
		d.ingest(h)
		f.add(fmt.Sprintf("writes_resumed_%d_of_3_s", len(nodes)), time.Since(began))
		d.checkContent(h, d.client)
	}
	d.checkBallast(f)
	d.ingest(h)
	rd.end()
	d.checkSame(pids)
	d.checkStart(h)
	d.checkAll(h)
	f.add("reads_meanwhile", len(h.reads))
}

// checkStart starts a node on a disk that has nothing left but the ballast.
func (d *diskRig) checkStart(h *history) {
	d.t.Helper()
	d.kill(0)
	d.disks[0].fill(4 * mib / 1024)
	d.startNode(0)
	d.waitFull(0, 1)
	d.checkSnapshotReads(h, 0)
	d.disks[0].empty()
	d.waitFull(0, 0)
	d.ingest(h)
}

// checkBallast leaves next to nothing: nodes give their ballast back and live; they make it again
// when there is space.
func (d *diskRig) checkBallast(f *figures) {
	d.t.Helper()
	const left, ballast = 8 * mib, 64 * mib
	began := time.Now()
	for i, disk := range d.disks {
		disk.fill(left)
		wait(d.t, readWithin, fmt.Sprintf("the ballast of node %d", i+1),
			func() bool { return disk.free() > ballast })
	}
	f.add("ballast_given_back_s", time.Since(began))
	for i, disk := range d.disks {
		disk.empty()
		wait(d.t, readWithin, fmt.Sprintf("a new ballast of node %d", i+1), func() bool {
			st, err := os.Stat(filepath.Join(d.DataDir(i), "BALLAST"))
			return err == nil && st.Size() == ballast
		})
	}
}

const (
	mostOwn = 60        // bounds how much testOwnWriting writes
	ownRoom = 128 * mib // what there is for that above the floor
)

// testOwnWriting ingests until the nodes themselves have used up their disks: the floor must stop
// that, not the end of the disk. Then somebody else's file goes.
func testOwnWriting(t *testing.T, f *figures) {
	d := newDiskRig(t)
	for _, disk := range d.disks {
		disk.fill(defFloor + ownRoom)
	}
	first := newTree(t, "own-first", 12, 5)
	d.ingest(first)
	pids, rd := d.pids(), d.startReader(first)
	lowest := d.startLowest()
	all := []*history{first}
	var refused *history
	for i := 0; refused == nil; i++ {
		if i == mostOwn {
			t.Fatalf("C7: %d ingests and %d MiB are free", i, d.disks[0].free()/mib)
		}
		h := newTree(t, "own-"+itoa(i), 40, 200)
		if d.ingestOrRefusal(h) {
			all = append(all, h)
		} else {
			refused = h
		}
	}
	d.checkContent(first, d.client)
	least := lowest()
	f.add("own_ingests_until_refused", len(all))
	f.add("own_lowest_free_mib", least/mib)
	if least > defFloor || least < defFloor*3/4 {
		t.Errorf("%d MiB were free at the least, want a little below the floor of %d MiB", least/mib,
			defFloor/mib)
	}
	for i := range d.Size() {
		d.checkNoError(i)
	}
	for _, disk := range d.disks {
		disk.empty()
	}
	began := time.Now()
	for i := range d.Size() {
		d.waitFull(i, 0)
	}
	d.ingest(refused)
	f.add("own_writes_resumed_s", time.Since(began))
	rd.end()
	d.checkSame(pids)
	d.checkAll(append(all, refused)...)
}

// startLowest watches the free bytes of all disks until the returned function is called, which
// returns the lowest: a log that is cut short gives space back at once.
func (d *diskRig) startLowest() (stop func() int64) {
	quit, done, lowest := make(chan struct{}), make(chan struct{}), int64(diskBytes)
	go func() {
		defer close(done)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			for _, disk := range d.disks {
				lowest = min(lowest, disk.free())
			}
			select {
			case <-quit:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	end := sync.OnceFunc(func() { close(quit) })
	d.t.Cleanup(func() { end(); <-done })
	return func() int64 { end(); <-done; return lowest }
}

// ingestOrRefusal brings a revision in, unless that is refused for the floor.
func (d *diskRig) ingestOrRefusal(h *history) bool {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*ingestWithin)
	defer cancel()
	began := time.Now()
	p, err := d.startIngest(ctx, h, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	if p.wait() == 7 && strings.Contains(p.err.String(), "below the floor of 1024 MiB") {
		d.t.Logf("%s: %s", h.tree.repo, p.err.String())
		return false
	}
	if err := finishIngest(h, 0, p, began); err != nil {
		d.t.Fatal(err)
	}
	return true
}

const noSpace = "no space left on device"

// checkNoError holds a node to not having met the end of its disk.
func (d *diskRig) checkNoError(node int) {
	d.t.Helper()
	log, err := os.ReadFile(d.LogFile(node))
	if err != nil {
		d.t.Fatal(err)
	}
	if strings.Contains(string(log), noSpace) {
		d.t.Errorf("node %d has met the end of its disk", node+1)
	}
}
