package toydb

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// nodes hold the replicas.
var nodes = []string{"n1", "n2", "n3"}

// nemesis puts faults on the agenda, from start on.
func (s *sim) nemesis(start time.Duration) {
	for i := range 3 {
		begin := start + time.Duration(i)*start/3
		s.at(begin, func() {
			f := s.rec.Fault("kill", nodes[i])
			if s.Bug == Dropped && i == 2 {
				return
			}
			s.at(begin+start/6, func() {
				effect := history.Effect{"killed": 1}
				if s.Bug == NoEffect && i == 1 {
					effect = history.Effect{"killed": 0}
				}
				f.End(effect, "")
			})
		})
	}
}

// prober asks a shard twenty times a second, whatever became of the probe before. After each kill
// the shard serves nothing for a while.
func (s *sim) prober(shard int, third time.Duration) {
	every := 50 * time.Millisecond
	for due := every; due < s.Length; due += every {
		s.at(due, func() {
			c := s.rec.Client()
			call := c.Invoke(history.Request{Kind: check.Probe, Key: strconv.Itoa(shard), Due: due,
				Deadline: time.Second})
			took := s.upTo(8 * time.Millisecond)
			if s.Bug == Overdue && shard == 1 && due >= third && due < third+every {
				took = 5 * time.Second
			}
			err := s.probeError(shard, due, third)
			s.at(s.now+took, func() { call.Done(history.Result{}, err) })
		})
	}
}

// probeError says whether a shard is down at a time.
func (s *sim) probeError(shard int, due, third time.Duration) error {
	down := false
	for i := range 3 {
		begin := third + time.Duration(i)*third/3
		down = down || due >= begin && due < begin+third/8
	}
	if s.Bug == LongOutage && shard == 1 && due >= third/2 && due < third/2+2*third {
		down = true
	}
	if s.Bug == Wedged && shard == 2 && due >= 2*third {
		down = true
	}
	if down {
		return errLost
	}
	return nil
}

// observe records what is seen beside the operations at the end.
func (s *sim) observe() {
	for shard := range uint64(2) {
		for _, n := range nodes {
			digest := "d" + num(int64(s.store.now()))
			if s.Bug == Diverge && shard == 1 && n == "n3" {
				digest += "x"
			}
			s.rec.Digest(n, shard+1, s.store.now(), digest)
		}
	}
	state := check.JobDone
	if s.Bug == StuckJob {
		state = check.JobRunning
	}
	s.see(history.Observation{Kind: history.SeenJob, Name: "move 1"}, check.JobRunning)
	s.see(history.Observation{Kind: history.SeenJob, Name: "move 1"}, state)
	s.see(history.Observation{Kind: history.SeenApplied, Shard: 1}, s.copies)
	s.halves()
}

// see records an observation with a value.
func (s *sim) see(o history.Observation, value any) {
	o.Value, _ = json.Marshal(value) // maps and texts only
	s.rec.Observe(o)
}
