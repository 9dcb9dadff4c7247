package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/codegraphdb/codegraph/graph"
)

// TestTranscripts runs testdata/state_*.txt. Every command is applied to one state and, to another
// one, after a snapshot of it was restored: both must stay equal, byte for byte.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if !strings.Contains(path, "state_") {
			return
		}
		r := &transcript{t: t, straight: NewState(), restored: NewState(),
			ids: map[string]graph.Timestamp{}}
		datadriven.RunTest(t, path, r.run)
	})
}

// transcript is the state of one file.
type transcript struct {
	t                  *testing.T
	straight, restored *State
	index              uint64
	ids                map[string]graph.Timestamp // imports by the name given with as=
	td                 *datadriven.TestData
}

func (r *transcript) run(t *testing.T, td *datadriven.TestData) string {
	r.t, r.td = t, td
	switch td.Cmd {
	case "init":
		out := r.apply(&Init{ClusterID: r.arg("id"), Name: r.arg("name"), Nodes: r.args("nodes"),
			Shards: r.num("shards"), ReplicationFactor: r.num("rf"), NowMillis: r.now()})
		if !td.HasArg("no-window") { // which most transcripts do not care for
			r.apply(&ExtendWindow{Until: graph.MaxTimestamp})
		}
		return out
	case "register":
		return r.apply(&RegisterNode{ID: r.arg("id"), PeerAddr: r.arg("peer"),
			ClientAddr: r.arg("client"), Version: r.arg("version"), NowMillis: r.now()})
	case "open":
		return r.open()
	case "renew":
		return r.apply(&RenewImport{r.imp(), r.attempt(), r.now()})
	case "commit":
		return r.apply(&CommitImport{Import: r.imp(), Attempt: r.attempt(),
			Seals: r.indexes("seals"), Stats: Stats{Files: uint64(r.num("files"))},
			NowMillis: r.now(), At: r.timestamp("at")})
	case "abort":
		return r.apply(&AbortImport{r.imp(), r.attempt(), r.arg("reason"), r.now()})
	case "expire":
		return r.apply(&Expire{r.now(), int64(max(1, r.num("leading")))})
	case "outcome-done":
		return r.apply(&OutcomeDone{r.imp(), r.indexes("shards")})
	case "window":
		return r.apply(&ExtendWindow{r.timestamp("until")})
	case "pin":
		return r.apply(&AddPin{r.arg("name"), r.timestamp("at"), int64(r.num("expires")), r.now()})
	case "unpin":
		return r.apply(&RemovePin{r.arg("name")})
	case "safepoint":
		return r.apply(&AdvanceSafepoint{r.timestamp("to")})
	case "start":
		return r.operate(&StartOperator{r.arg("id"), OperatorKind(r.arg("op")),
			uint64(r.num("shard")), r.arg("node"), r.arg("from"), r.now()})
	case "advance":
		return r.operate(&AdvanceOperator{r.arg("id"), OperatorStep(r.arg("step")), r.arg("result"),
			r.now()})
	case "cancel":
		return r.operate(&CancelOperator{r.arg("id"), r.arg("reason"), r.now()})
	case "standing":
		return r.standing()
	case "map":
		return r.straight.Snapshot().Map().String()
	case "show":
		return show(r.straight.Snapshot())
	case "view":
		return r.view()
	}
	t.Fatalf("%s: unknown command %q", td.Pos, td.Cmd)
	return ""
}

// apply applies a command to both states and compares them.
func (r *transcript) apply(c Command) string {
	r.t.Helper()
	_, err := r.applied(c)
	if err != nil {
		return describe(err)
	}
	return "ok\n"
}

// applied also returns the command's result.
func (r *transcript) applied(c Command) ([]byte, error) {
	r.t.Helper()
	b, err := r.stamped(c)
	if err != nil {
		return nil, err
	}
	r.index++
	image, err := r.restored.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.restored.Restore(image); err != nil {
		r.t.Fatalf("%s: %v", r.td.Pos, err)
	}
	out, err := r.straight.Apply(r.index, testTerm, b)
	out2, err2 := r.restored.Apply(r.index, testTerm, b)
	if !bytes.Equal(out, out2) || fmt.Sprint(err) != fmt.Sprint(err2) {
		r.t.Fatalf("%s: %s, %v; after a restore %s, %v", r.td.Pos, out, err, out2, err2)
	}
	compareStates(r.t, r.straight, r.restored)
	return out, err
}

// stamped is what the leader makes of a command, unless the transcript says at= or term=.
func (r *transcript) stamped(c Command) ([]byte, error) {
	if r.td.HasArg("term") {
		return encodeCommand(c, uint64(r.num("term")))
	}
	switch r.td.Cmd {
	case "open", "commit":
		if r.td.HasArg("at") {
			return encodeCommand(c, testTerm)
		}
	}
	return stamped(r.straight, c)
}

// operate applies a command about an operator and shows what it has become.
func (r *transcript) operate(c Command) string {
	out, err := r.applied(c)
	if err != nil {
		return describe(err)
	}
	res, err := DecodeResult[OperatorResult](out)
	if err != nil {
		r.t.Fatal(err)
	}
	return showOperator(&res.Operator)
}

func showOperator(o *Operator) string {
	s := fmt.Sprintf("operator %s %s shard %d: %s", o.ID, o.Kind, o.Shard, o.Step)
	if o.Old.Node != "" {
		s += " old=" + o.Old.ServerID()
	}
	if o.New.Node != "" {
		s += " new=" + o.New.ServerID()
	}
	if o.Cancelled != "" {
		s += fmt.Sprintf(" cancelled: %s", o.Cancelled)
	}
	if o.Note != "" {
		s += fmt.Sprintf(" (%s)", o.Note)
	}
	return s + "\n"
}

func (r *transcript) standing() string {
	rep, ok := ParseServerID(r.arg("replica"))
	if !ok {
		r.t.Fatalf("%s: not a replica", r.td.Pos)
	}
	names := [...]string{"not yet", "voter", "learner", "dead"}
	return names[r.straight.Snapshot().Standing(uint64(r.num("shard")), rep)] + "\n"
}

// timestamp returns the argument as a timestamp, zero if there is none.
func (r *transcript) timestamp(key string) graph.Timestamp {
	if !r.td.HasArg(key) {
		return 0
	}
	return parseTimestamp(r.t, r.arg(key))
}

func compareStates(t *testing.T, a, b *State) {
	t.Helper()
	x, err := a.Encode()
	y, err2 := b.Encode()
	if err != nil || err2 != nil || !bytes.Equal(x, y) {
		t.Fatalf("states differ (%v, %v)\n%s\n%s", err, err2, x, y)
	}
}

func (r *transcript) open() string {
	c := &OpenImport{RepoName: r.arg("repo"), Revision: r.arg("rev"), Packages: r.packages(),
		Commits: r.args("commits"), Replace: r.td.HasArg("replace"), Delete: r.td.HasArg("delete"),
		Holder: r.arg("holder"), RequestID: r.arg("request"), Reopen: uint32(r.num("reopen")),
		MakeCurrent: r.td.HasArg("make-current"), NowMillis: r.now(), At: r.timestamp("at")}
	first, err := r.applied(c)
	if err != nil {
		return describe(err)
	}
	// The same request again gives the same answer.
	c.Reopen = 0
	out, err := r.applied(c)
	if err != nil || !bytes.Equal(out, first) {
		r.t.Fatalf("%s: %s; repeated: %s, %v", r.td.Pos, first, out, err)
	}
	res, err := DecodeResult[OpenResult](out)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.td.HasArg("as") {
		r.ids[r.arg("as")] = res.Import
	}
	s := fmt.Sprintf("import %s attempt %d repo %d base %s", res.Import, res.Attempt, res.Repo,
		res.Base)
	for _, p := range res.Foreign {
		s += fmt.Sprintf(" foreign %s %s", p.Manager, p.Name)
	}
	return s + "\n"
}

func (r *transcript) view() string {
	v, err := r.straight.Snapshot().View(r.timestamp("at"))
	if r.td.HasArg("decided") {
		v, err = r.straight.Snapshot().ViewDecided(r.timestamp("at"), uint64(r.num("decided")))
	}
	if err != nil {
		return describe(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "at %s\n", v.At)
	for _, o := range v.Outcomes {
		fmt.Fprintf(&b, "outcome %s -> %s\n", o.Import, o.Commit)
	}
	for _, s := range v.MinApplied {
		fmt.Fprintf(&b, "shard %d applied %d\n", s.Shard, s.Index)
	}
	for _, rev := range v.Revisions {
		fmt.Fprintf(&b, "repo %d %s %s files=%d\n", rev.Repo, rev.Name, rev.Revision.Revision,
			rev.Stats.Files)
	}
	return b.String()
}

func show(s *Snapshot) string {
	var b strings.Builder
	for _, n := range s.Nodes() {
		fmt.Fprintf(&b, "node %s peer=%s version=%s since=%d\n", n.ID, n.PeerAddr, n.Version,
			n.RegisteredMillis)
	}
	for _, r := range s.Repositories() {
		fmt.Fprintf(&b, "repo %d %s count=%d current=%q importing=%s\n", r.ID, r.Name, r.Count,
			r.Current().Revision, r.Importing)
	}
	for _, im := range s.Imports() {
		fmt.Fprintf(&b, "import %s attempt %d %s by %s renewed=%d\n", im.ID, im.Attempt, im.RepoName,
			im.Holder, im.RenewedMillis)
	}
	for _, c := range s.Claims() {
		kind := "confirmed"
		if c.Import != 0 {
			kind = "tentative"
		}
		fmt.Fprintf(&b, "claim %s %s -> %d %s\n", c.Manager, c.Name, c.Repo, kind)
	}
	for _, p := range s.PendingOutcomes() {
		fmt.Fprintf(&b, "pending %s -> %s shards %v\n", p.Outcome.Import, p.Outcome.Commit, p.Shards)
	}
	for _, p := range s.Pins() {
		fmt.Fprintf(&b, "pin %s at %s expires=%d\n", p.Name, p.At, p.ExpiresMillis)
	}
	if at, pins := s.Retained(); at != 0 {
		fmt.Fprintf(&b, "safepoint %s but %v\n", at, pins)
	}
	open, ended := s.Operators()
	for _, o := range slices.Concat(open, ended) {
		b.WriteString(showOperator(o))
	}
	fmt.Fprintf(&b, "last commit %s\n", s.LastCommit())
	return b.String()
}

func describe(err error) string {
	var fatal *FatalError
	if errors.As(err, &fatal) {
		return "fatal: " + err.Error() + "\n"
	}
	return fmt.Sprintf("refused (%s): %v\n", graph.KindOf(err), err)
}

func (r *transcript) args(key string) []string {
	for _, a := range r.td.CmdArgs {
		if a.Key == key {
			return a.Vals
		}
	}
	return nil
}

func (r *transcript) arg(key string) string { return strings.Join(r.args(key), ",") }

func (r *transcript) num(key string) int {
	s := r.arg(key)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		r.t.Fatalf("%s: %s: %v", r.td.Pos, key, err)
	}
	return n
}

func (r *transcript) now() int64 { return int64(r.num("now")) }

func (r *transcript) attempt() uint32 {
	if r.td.HasArg("attempt") {
		return uint32(r.num("attempt"))
	}
	return 1
}

// imp returns the import named by import=, which is a name given with as= or a timestamp.
func (r *transcript) imp() graph.Timestamp {
	name := r.arg("import")
	if id, ok := r.ids[name]; ok {
		return id
	}
	return parseTimestamp(r.t, name)
}

func parseTimestamp(t *testing.T, s string) graph.Timestamp {
	t.Helper()
	ms, counter, ok := strings.Cut(s, ".")
	a, err := strconv.ParseInt(ms, 10, 64)
	b, err2 := strconv.ParseUint(counter, 10, 64)
	if !ok || err != nil || err2 != nil {
		t.Fatalf("%q is not a timestamp", s)
	}
	return graph.TimestampAt(a) + graph.Timestamp(b)
}

func (r *transcript) packages() []Package {
	var out []Package
	for _, p := range r.args("packages") {
		manager, name, _ := strings.Cut(p, ":")
		out = append(out, Package{manager, name})
	}
	return out
}

// indexes parses (shard:index, ...) or all:index.
func (r *transcript) indexes(key string) []ShardIndex {
	var out []ShardIndex
	for _, s := range r.args(key) {
		shard, index, _ := strings.Cut(s, ":")
		n, err := strconv.ParseUint(index, 10, 64)
		if err != nil {
			r.t.Fatalf("%s: %q: %v", r.td.Pos, s, err)
		}
		if shard == "all" {
			for _, d := range r.straight.Snapshot().Map().Shards {
				out = append(out, ShardIndex{d.ID, n})
			}
			continue
		}
		id, err := strconv.ParseUint(shard, 10, 64)
		if err != nil {
			r.t.Fatalf("%s: %q: %v", r.td.Pos, s, err)
		}
		out = append(out, ShardIndex{id, n})
	}
	return out
}
