package cluster

import (
	"cmp"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

const maxPins = 256

// timeline is what the state knows of time. It is stored.
type timeline struct {
	Last       graph.Timestamp `json:"last"`        // the last id or commit timestamp given
	LastCommit graph.Timestamp `json:"last_commit"` // of a revision
	Window     graph.Timestamp `json:"window"`      // up to which the oracle may have granted
	Safepoint  graph.Timestamp `json:"safepoint"`   // below it versions may be gone, but for pins
	Pins       []Pin           `json:"pins"`        // sorted by name
	// Transactions: there may be some. Every one of them commits above what was given before.
	Transactions bool `json:"transactions,omitempty"`
}

// Pin keeps what a view at a timestamp sees from being collected.
type Pin struct {
	Name          string          `json:"name"`
	At            graph.Timestamp `json:"at"`
	ExpiresMillis int64           `json:"expires,omitempty"` // zero: never
	AddedMillis   int64           `json:"added"`
}

func (p Pin) expired(nowMillis int64) bool {
	return p.ExpiresMillis != 0 && p.ExpiresMillis <= nowMillis
}

func comparePin(p Pin, name string) int { return cmp.Compare(p.Name, name) }

// ExtendWindow reserves timestamps: the oracle of the leader may grant up to Until once this is
// applied, and every leader after it grants above it only.
type ExtendWindow struct {
	Until graph.Timestamp `json:"until"`
}

// AddPin keeps a timestamp readable. Adding it again moves its expiry; it cannot move in time.
type AddPin struct {
	Name          string          `json:"name"`
	At            graph.Timestamp `json:"at"`
	ExpiresMillis int64           `json:"expires,omitempty"` // zero: never
	NowMillis     int64           `json:"now"`
}

// RemovePin lets a timestamp go.
type RemovePin struct {
	Name string `json:"name"`
}

// AdvanceSafepoint lets versions below a timestamp be collected. It comes before the collection, so
// that no pin is added where versions may be gone.
type AdvanceSafepoint struct {
	To graph.Timestamp `json:"to"`
}

// EnableTransactions comes before the first transaction: who reads at a timestamp that a state
// without it has seen given knows that there is none at or below it.
type EnableTransactions struct{}

// Kind implements Command.
func (*EnableTransactions) Kind() string { return "enable-transactions" }

func (*EnableTransactions) stamp(Stamp) error { return nil }
func (*EnableTransactions) validate() error   { return nil }

func (*EnableTransactions) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	d.time.Transactions = true
	return NoResult{}, nil
}

// Kind implements Command.
func (*ExtendWindow) Kind() string { return "extend-window" }

// Kind implements Command.
func (*AddPin) Kind() string { return "add-pin" }

// Kind implements Command.
func (*RemovePin) Kind() string { return "remove-pin" }

// Kind implements Command.
func (*AdvanceSafepoint) Kind() string { return "advance-safepoint" }

func (*ExtendWindow) stamp(Stamp) error     { return nil }
func (c *AddPin) stamp(s Stamp) error       { c.NowMillis = s.NowMillis; return nil }
func (*RemovePin) stamp(Stamp) error        { return nil }
func (*AdvanceSafepoint) stamp(Stamp) error { return nil }

func (c *ExtendWindow) validate() error { return checkTimestamp("window", c.Until) }

func (c *AddPin) validate() error {
	if c.ExpiresMillis < 0 || c.ExpiresMillis > maxMillis {
		return invalid("pin %q expires at %d", c.Name, c.ExpiresMillis)
	}
	return firstError(checkName("pin", c.Name, maxName), checkTimestamp("pin", c.At),
		checkMillis(c.NowMillis))
}

func (c *RemovePin) validate() error { return checkName("pin", c.Name, maxName) }

func (c *AdvanceSafepoint) validate() error { return checkTimestamp("safepoint", c.To) }

func checkTimestamp(what string, at graph.Timestamp) error {
	if at == 0 || at.IsImport() {
		return invalid("%s: %s is not a timestamp", what, at)
	}
	return nil
}

// give checks a timestamp that the leader drew for a command and remembers what is given for it.
func (t *timeline) give(at, given graph.Timestamp) error {
	if err := checkTimestamp("drawn", at); err != nil {
		return err
	}
	if at <= t.Last {
		return conflict("timestamp %s is not after %s, which has been given", at, t.Last).
			WithRemedy("ask again")
	}
	if at > t.Window {
		return conflict("timestamp %s is above the window, which ends at %s", at, t.Window).
			WithRemedy("ask again")
	}
	t.Last = given
	return nil
}

func (c *ExtendWindow) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	d.time.Window = max(d.time.Window, c.Until)
	return NoResult{}, nil
}

func (c *AddPin) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	t := &d.time
	i, found := slices.BinarySearchFunc(t.Pins, c.Name, comparePin)
	switch {
	case found && t.Pins[i].At != c.At:
		return nil, conflict("pin %q is at %s, not at %s", c.Name, t.Pins[i].At, c.At).
			WithRemedy("remove it first, or take another name")
	case found:
		t.Pins = slices.Clone(t.Pins)
		t.Pins[i].ExpiresMillis = c.ExpiresMillis
		return NoResult{}, nil
	case c.At < t.Safepoint && !t.pinned(c.At):
		return nil, notFound("versions before %s may be gone: %s cannot be pinned", t.Safepoint, c.At)
	case c.At > t.Window:
		return nil, invalid("timestamp %s is in the future", c.At)
	case len(t.Pins) >= maxPins:
		return nil, graph.Errorf(opApply, graph.KindLimit, "there are %d pins (limit %d)", len(t.Pins),
			maxPins).WithRemedy("remove some")
	}
	t.Pins = slices.Insert(slices.Clone(t.Pins), i, Pin{Name: c.Name, At: c.At,
		ExpiresMillis: c.ExpiresMillis, AddedMillis: c.NowMillis})
	return NoResult{}, nil
}

func (c *RemovePin) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	if i, found := slices.BinarySearchFunc(d.time.Pins, c.Name, comparePin); found {
		d.time.Pins = slices.Delete(slices.Clone(d.time.Pins), i, i+1)
	}
	return NoResult{}, nil
}

func (c *AdvanceSafepoint) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	if limit := d.readFrom(d.time.Window); c.To > limit {
		return nil, conflict("the safepoint cannot pass %s: an import reads there, or it is not past",
			limit)
	}
	d.time.Safepoint = max(d.time.Safepoint, c.To)
	return NoResult{}, nil
}

// expirePins drops the pins whose time is over.
func (t *timeline) expirePins(nowMillis int64) {
	t.Pins = slices.DeleteFunc(slices.Clone(t.Pins), func(p Pin) bool { return p.expired(nowMillis) })
}

func (t *timeline) pinned(at graph.Timestamp) bool {
	return slices.ContainsFunc(t.Pins, func(p Pin) bool { return p.At == at })
}

// check verifies what the rest of the code takes for granted.
func (t *timeline) check() error {
	sorted := slices.IsSortedFunc(t.Pins, func(a, b Pin) int { return comparePin(a, b.Name) })
	if !sorted || t.LastCommit > t.Last || t.Last&^1 > t.Window || t.Safepoint > t.Window {
		return invalid("times are out of order: last commit %s, last %s, window %s, safepoint %s",
			t.LastCommit, t.Last, t.Window, t.Safepoint)
	}
	return nil
}

// readFrom lowers a timestamp to where the open imports read their base and write.
func (d *data) readFrom(at graph.Timestamp) graph.Timestamp {
	for _, im := range d.imports {
		at = min(at, (im.ID-1)&^1)
		if im.Base != 0 {
			at = min(at, im.Base)
		}
	}
	return at
}

// Window returns the timestamp up to which the oracle may have granted.
func (s *Snapshot) Window() graph.Timestamp { return s.d.time.Window }

// Pins returns the pins, sorted by name.
func (s *Snapshot) Pins() []Pin { return s.d.time.Pins }

// Retained returns what may be collected: what no view from the safepoint on sees and no view at
// one of the pinned timestamps, which are sorted. Both belong together: a pin is never added below
// the safepoint.
func (s *Snapshot) Retained() (safepoint graph.Timestamp, pinned []graph.Timestamp) {
	for _, p := range s.d.time.Pins {
		pinned = append(pinned, p.At)
	}
	slices.Sort(pinned)
	return s.d.time.Safepoint, slices.Compact(pinned)
}

// Safepoint returns the timestamp below which nobody may read any more when the retention ends at
// one: that of the last commit until then, which is what reads saw at the end of the retention
// however long ago it was. Open imports read their base and write at their id: both stay allowed.
func (s *Snapshot) Safepoint(retained graph.Timestamp) graph.Timestamp {
	retained = s.d.readFrom(retained)
	last, forgotten := graph.Timestamp(0), false
	commit := func(at graph.Timestamp) {
		if at <= retained {
			last = max(last, at)
		}
	}
	horizon := func(at graph.Timestamp) { // commits before it are not known
		commit(at)
		forgotten = forgotten || at > retained
	}
	horizon(s.d.horizon)
	for _, r := range s.d.repos {
		horizon(r.Horizon)
		commit(r.Deleted)
		for i := range r.Revisions {
			commit(r.Revisions[i].Commit)
		}
	}
	if forgotten { // many commits ago: nobody reads there any more
		return retained
	}
	return last
}
