package oracle

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/codegraphdb/codegraph/cluster"
	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/txn"
)

// tick is how often the window is looked at; alarmEvery how often a wrong clock is reported.
const (
	tick       = 100 * time.Millisecond
	alarmEvery = time.Minute
)

// Log is the meta group as this node's replica sees it.
type Log interface {
	// Term returns the term that this node leads, once everything of the terms before it is applied;
	// zero while it does not lead.
	Term() uint64
	// Window returns the window in the state; false before the cluster is founded.
	Window() (graph.Timestamp, bool)
	// Append hands a command over, in the order of the calls, and does not wait for it.
	Append(command []byte) Entry
}

// Entry is a command that was handed to the log.
type Entry interface {
	// Settled is closed when it has been applied, or never will be, or nobody here can know.
	Settled() <-chan struct{}
	// Err returns why it has not been applied, once it is settled.
	Err() error
}

// Keeper keeps the oracle. Its methods may be called by anyone at any time.
type Keeper struct {
	log    Log
	logger *slog.Logger
	began  time.Time
	wake   chan struct{}

	mu       sync.Mutex
	oracle   txn.Oracle
	term     uint64                              // in which the oracle grants; zero: it does not
	seen     graph.Timestamp                     // the last window in the state
	unproven map[graph.Timestamp]<-chan struct{} // drawn for commands that are not settled
	alarmed  time.Time
}

// NewKeeper returns the keeper of a replica.
func NewKeeper(log Log, logger *slog.Logger) *Keeper {
	return &Keeper{log: log, logger: logger, began: time.Now(), wake: make(chan struct{}, 1),
		unproven: map[graph.Timestamp]<-chan struct{}{}}
}

func (k *Keeper) clock() txn.Clock {
	now := time.Now()
	return txn.Clock{Wall: now, Mono: now.Sub(k.began)}
}

// Run keeps the window ahead of the clock while this node leads, until stop closes.
func (k *Keeper) Run(stop <-chan struct{}) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		if err := k.extend(stop); err != nil {
			k.logger.Info("extending the window of timestamps", "err", err)
		}
		select {
		case <-stop:
			return
		case <-t.C:
		case <-k.wake:
		}
	}
}

// Wake has the window looked at now: this node has come to lead.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// followLocked starts and stops the oracle with the terms that this node leads: the one returned.
func (k *Keeper) followLocked(c txn.Clock) (leads uint64) {
	window, founded := k.log.Window()
	if window != k.seen {
		k.seen = window
		k.oracle.Observe(c, window)
	}
	leads = k.log.Term()
	term := leads
	if !founded {
		term = 0
	}
	if term == k.term {
		return leads
	}
	k.oracle.Stop()
	if k.term = term; term != 0 {
		k.oracle.Start(c, window)
	}
	return leads
}

// extend brings the next window into the log, if it is time.
func (k *Keeper) extend(stop <-chan struct{}) error {
	c := k.clock()
	k.mu.Lock()
	k.followLocked(c)
	k.alarmLocked(c)
	term := k.term
	until, needed := k.oracle.Extend(c)
	if !needed {
		k.mu.Unlock()
		return nil
	}
	command, err := cluster.EncodeCommand(&cluster.ExtendWindow{Until: until})
	if err == nil {
		command, err = cluster.PrepareCommand(command, cluster.Stamp{Term: term})
	}
	if err != nil {
		k.mu.Unlock()
		return err
	}
	entry := k.log.Append(command)
	k.mu.Unlock()
	select {
	case <-stop:
		return nil
	case <-entry.Settled():
	}
	if err := entry.Err(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.term == term {
		k.oracle.Extended(until)
	}
	return nil
}

func (k *Keeper) alarmLocked(c txn.Clock) {
	drift := k.oracle.Drift(c)
	if k.term == 0 || drift.Abs() < txn.DriftAlarm || c.Wall.Sub(k.alarmed).Abs() < alarmEvery {
		return
	}
	k.alarmed = c.Wall
	k.logger.Warn("the clock of this node and the timestamps of the cluster are far apart: a clock "+
		"is wrong, or was; check time synchronisation", "clock_ahead_by", drift)
}

// Drift returns how far the clock is ahead of the timestamps that this node grants, negative if it
// is behind; zero while it grants none.
func (k *Keeper) Drift() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.term == 0 {
		return 0
	}
	return k.oracle.Drift(k.clock())
}

// Propose stamps a command that a node has sent, draws its timestamp if it needs one, and hands it
// over. An error means that it was not handed over.
func (k *Keeper) Propose(command []byte) (Entry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.clock()
	leads := k.followLocked(c)
	var drawn graph.Timestamp
	stamp := cluster.Stamp{NowMillis: c.Wall.UnixMilli(), Term: leads,
		Draw: func() (at graph.Timestamp, err error) {
			drawn, err = k.oracle.Grant(c, 1)
			return drawn, err
		}}
	command, err := cluster.PrepareCommand(command, stamp)
	if err != nil {
		return nil, err
	}
	entry := k.log.Append(command)
	if drawn != 0 {
		k.rememberLocked(drawn, entry)
	}
	return entry, nil
}

// rememberLocked also forgets what has been settled.
func (k *Keeper) rememberLocked(drawn graph.Timestamp, entry Entry) {
	for at, settled := range k.unproven {
		select {
		case <-settled:
			delete(k.unproven, at)
		default:
		}
	}
	k.unproven[drawn] = entry.Settled()
}

// Granted are timestamps: N of them in steps of two, the first at First.
type Granted struct {
	First graph.Timestamp
	N     int
	// Term is the term in which they were granted. They count if the leader is confirmed, after Grant
	// was called, in this term; its applied index then covers every revision at or below them.
	Term uint64
}

// Grant draws timestamps for requests that have arrived, and waits until it is settled for every
// command drawn below them whether it applies.
func (k *Keeper) Grant(ctx context.Context, n int) (Granted, error) {
	k.mu.Lock()
	c := k.clock()
	k.followLocked(c)
	g := Granted{N: n, Term: k.term}
	var err error
	g.First, err = k.oracle.Grant(c, n)
	var open []<-chan struct{}
	for _, settled := range k.unproven {
		open = append(open, settled)
	}
	k.mu.Unlock()
	if err != nil {
		return g, err
	}
	for _, settled := range open {
		select {
		case <-settled:
		case <-ctx.Done():
			return g, ctx.Err()
		}
	}
	return g, nil
}
