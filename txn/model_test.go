package txn

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

// The model: two shards with one key each, transactions with one or two coordinators, readers, and
// a network that never forgets a message. Whatever was sent may arrive at any time, any number of
// times or never, in any order, at any coordinator of its transaction; any lock's TTL may lapse at
// any time. A coordinator that dies is one that nothing arrives at any more, so every state is also
// that of a crash: check looks at what becomes of it without coordinators.

// use is what a transaction does at a shard.
type use uint8

const (
	no       use = iota
	writes       // the shard's key
	validate     // has read it, and must still be right
)

// spec is a transaction of the model.
type spec struct {
	use     [2]use
	primary int // shard
}

// bugs are planted; each must be found.
type bugs struct {
	early       bool // the coordinator goes on when one participant has prepared
	tooLow      bool // the commit timestamp is asked for before the prepares
	overrides   bool // a decision replaces another one
	unasked     bool // a lock whose TTL has lapsed is dropped without asking the primary
	blind       bool // readers pass locks
	unlocked    bool // validated reads take no lock
	unrecorded  bool // a conflict in one phase leaves no record: the coordinator makes up for that
	unforgiving bool // a client is told of a refusal before it is decided
}

var errConflict = errors.New("conflict")

type modelShard struct {
	versions []version // of its key, in the order of arrival
	locks    []Lock    // Txn[0] is the number of the transaction + 1
	records  [3]Record
}

type version struct {
	txn int
	at  graph.Timestamp
}

// message is a request or a reply. All its fields tell it from others.
type message struct {
	reply   bool
	txn, co int
	op      Op
	part    int
	rec     Record
	refused bool
}

func compareMessages(a, b message) int {
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.txn, b.txn), cmp.Compare(a.op, b.op),
		cmp.Compare(a.part, b.part), flag(a.reply)-flag(b.reply), flag(a.refused)-flag(b.refused),
		cmp.Compare(a.rec.Status, b.rec.Status), cmp.Compare(a.rec.Commit, b.rec.Commit))
}

type modelCoordinator struct {
	c      *Coordinator // nil: not started, or has answered: what is left is in the network
	born   bool
	asking bool
	early  graph.Timestamp // a commit timestamp that came too early
}

type reader struct {
	at   graph.Timestamp
	read int // shards read
	saw  [2]int
}

// world is a state of the model.
type world struct {
	bugs
	specs    []spec
	tries    int // coordinators of a transaction
	oracle   graph.Timestamp
	shards   [2]modelShard
	starts   [3]graph.Timestamp
	co       [3][2]modelCoordinator
	messages []message // sorted
	told     [3]Record // what the client of a transaction was told
	readers  []reader
	flipped  error
}

func newWorld(b bugs, tries, readers int, specs ...spec) *world {
	return &world{bugs: b, specs: specs, tries: tries, readers: make([]reader, readers)}
}

func (w *world) clone() *world {
	c := *w
	for i := range c.shards {
		c.shards[i].versions = slices.Clone(c.shards[i].versions)
		c.shards[i].locks = slices.Clone(c.shards[i].locks)
	}
	for t := range c.co {
		for k := range c.co[t] {
			if old := c.co[t][k].c; old != nil {
				n := *old
				n.prepared, n.resolved = slices.Clone(n.prepared), slices.Clone(n.resolved)
				c.co[t][k].c = &n
			}
		}
	}
	c.messages, c.readers = slices.Clone(c.messages), slices.Clone(c.readers)
	return &c
}

func (w *world) draw() graph.Timestamp { w.oracle += 2; return w.oracle }

// shardOf returns the shard of a participant; part is its number for the coordinator.
func (s spec) shardOf(part int) int {
	if s.use[0] == no {
		return 1
	}
	return part
}

func (s spec) parts() int {
	if s.use[0] == no || s.use[1] == no {
		return 1
	}
	return 2
}

func (s spec) primaryPart() int {
	if s.parts() == 1 {
		return 0
	}
	return s.primary
}

func (s spec) primaryShard() int { return s.shardOf(s.primaryPart()) }

func (w *world) post(m message) {
	if i, found := slices.BinarySearchFunc(w.messages, m, compareMessages); !found {
		w.messages = slices.Insert(w.messages, i, m)
	}
}

// start begins coordinator k of a transaction. All of them have its first start timestamp.
func (w *world) start(t, k int) {
	s := w.specs[t]
	c, err := NewCoordinator(Begin{ID: ID{byte(t + 1)}, Participants: s.parts(),
		Primary: s.primaryPart()})
	if err != nil {
		w.flipped = err
		return
	}
	if w.starts[t] == 0 {
		w.starts[t] = w.draw()
	}
	m := &w.co[t][k]
	*m = modelCoordinator{c: c, born: true}
	if w.tooLow {
		m.early = w.draw()
	}
	w.do(t, k, c.Start())
}

// do carries out what a coordinator wants.
func (w *world) do(t, k int, actions []Action) {
	for _, a := range actions {
		switch {
		case a.Send != nil:
			w.post(message{txn: t, op: a.Send.Op, part: a.Send.Part, rec: a.Send.Outcome})
		case a.AskTime:
			w.co[t][k].asking = true
		case a.Answer != nil:
			w.tell(t, a.Answer.Record)
		}
	}
	if c := w.co[t][k].c; c != nil && c.phase >= resolving {
		w.co[t][k] = modelCoordinator{born: true}
	}
}

// tell is the answer to a client; it is the same every time (T7).
func (w *world) tell(t int, rec Record) {
	if old := w.told[t]; old.Decided() && old != rec {
		w.flipped = fmt.Errorf("transaction %d: told %v, then %v", t, old, rec)
	}
	w.told[t] = rec
}

// request brings a request to its shard.
func (w *world) request(m message) {
	r := w.serve(w.specs[m.txn].shardOf(m.part), m)
	if m.op != Resolve { // nobody waits for these here
		w.post(message{reply: true, txn: m.txn, op: m.op, part: m.part, rec: r.Record,
			refused: r.Refused != nil})
	}
}

// reply brings a reply to a coordinator.
func (w *world) reply(m message, k int) {
	c := w.co[m.txn][k].c
	if c == nil {
		return
	}
	r := Reply{Op: m.op, Part: m.part, Record: m.rec}
	if m.refused {
		r.Refused = errConflict
	}
	if w.early && m.op == Prepare && !m.refused {
		for i := range c.prepared {
			c.prepared[i] = true
		}
	}
	if w.unforgiving && m.refused && c.phase == preparing {
		w.tell(m.txn, Record{Status: Aborted})
	}
	w.do(m.txn, k, c.Step(r))
}

// serve is a shard: what doc.go asks of a participant.
func (w *world) serve(shard int, m message) Reply {
	sh, s := &w.shards[shard], w.specs[m.txn]
	rec := &sh.records[m.txn]
	primary := s.primaryShard() == shard
	switch {
	case m.op == Resolve:
		w.resolve(shard, m.txn, m.rec)
		return Reply{}
	case primary && rec.Decided() && !(w.overrides && m.op == Decide):
		return Reply{Record: *rec}
	case m.op == Decide:
		if m.rec.Status == Committed && rec.Status == NoRecord {
			return Reply{Refused: errConflict}
		}
		w.record(shard, m.txn, m.rec)
		return Reply{Record: *rec}
	case sh.holds(m.txn):
		return Reply{Record: *rec}
	case w.conflicts(shard, m.txn):
		if m.op == OnePhase && !w.unrecorded {
			w.record(shard, m.txn, Record{Status: Aborted})
		}
		return Reply{Record: *rec, Refused: errConflict}
	case m.op == OnePhase:
		w.record(shard, m.txn, Record{Committed, w.draw()})
		sh.versions = append(sh.versions, version{m.txn, rec.Commit})
		return Reply{Record: *rec}
	}
	if exclusive := s.use[shard] == writes; exclusive || !w.unlocked {
		sh.locks = append(sh.locks, Lock{Txn: ID{byte(m.txn + 1)}, Prepared: w.draw(),
			Exclusive: exclusive})
	}
	if primary {
		w.record(shard, m.txn, Record{Status: Pending})
	}
	return Reply{Record: *rec}
}

func (sh *modelShard) holds(t int) bool {
	return slices.ContainsFunc(sh.locks, func(l Lock) bool { return int(l.Txn[0]) == t+1 })
}

func (w *world) conflicts(shard, t int) bool {
	exclusive := w.specs[t].use[shard] == writes
	for _, l := range w.shards[shard].locks {
		if l.Excludes(ID{byte(t + 1)}, exclusive) {
			return true
		}
	}
	return slices.ContainsFunc(w.shards[shard].versions, func(v version) bool {
		return v.at > w.starts[t]
	})
}

// record writes a record and notices when a decided one changes (T6).
func (w *world) record(shard, t int, rec Record) {
	old := w.shards[shard].records[t]
	if old.Decided() && old != rec {
		w.flipped = fmt.Errorf("transaction %d: the record %v became %v", t, old, rec)
	}
	w.shards[shard].records[t] = rec
}

func (w *world) resolve(shard, t int, rec Record) {
	sh := &w.shards[shard]
	for i, l := range sh.locks {
		if int(l.Txn[0]) != t+1 {
			continue
		}
		sh.locks = slices.Delete(sh.locks, i, i+1)
		if l.Exclusive && rec.Status == Committed {
			sh.versions = append(sh.versions, version{t, rec.Commit})
		}
		return
	}
}

// clean is somebody who meets a lock, asks the primary and acts on the answer.
func (w *world) clean(shard int, l Lock, lapsed bool) {
	t := int(l.Txn[0]) - 1
	primary := w.specs[t].primaryShard()
	if w.unasked && lapsed {
		w.resolve(shard, t, Record{Status: Aborted})
		return
	}
	switch rec := w.shards[primary].records[t]; Meet(rec, lapsed) {
	case AbortAtPrimary:
		w.record(primary, t, Record{Status: Aborted})
	case CarryOut:
		w.resolve(shard, t, rec)
	}
}

// read is the next step of a reader: its timestamp, then one shard after the other. It returns
// false if a lock is in the way.
func (w *world) read(i int) bool {
	r := &w.readers[i]
	if r.at == 0 {
		r.at = w.draw()
		return true
	}
	sh := &w.shards[r.read]
	for _, l := range sh.locks {
		if l.HidesFrom(r.at) && !w.blind {
			return false
		}
	}
	r.saw[r.read] = sh.newest(r.at)
	r.read++
	return true
}

// newest returns the transaction whose version a read sees, plus one.
func (sh *modelShard) newest(at graph.Timestamp) int {
	best, txn := graph.Timestamp(0), 0
	for _, v := range sh.versions {
		if v.at <= at && v.at > best {
			best, txn = v.at, v.txn+1
		}
	}
	return txn
}
