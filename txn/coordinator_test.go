package txn

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/codegraphdb/codegraph/graph"
)

// show prints actions, e.g. "prepare 0, prepare 1".
func show(actions []Action) string {
	var out []string
	for _, a := range actions {
		switch {
		case a.Send != nil && a.Send.Outcome.Status == NoRecord:
			out = append(out, fmt.Sprintf("%s %d", a.Send.Op, a.Send.Part))
		case a.Send != nil:
			out = append(out, fmt.Sprintf("%s %d %s %d", a.Send.Op, a.Send.Part, a.Send.Outcome.Status,
				a.Send.Outcome.Commit))
		case a.AskTime:
			out = append(out, "ask time")
		case a.Answer != nil:
			out = append(out, fmt.Sprintf("answer %s %d", a.Answer.Status, a.Answer.Commit))
		}
	}
	return strings.Join(out, ", ")
}

// script runs steps and compares what they give.
type script struct {
	t *testing.T
	c *Coordinator
}

func newScript(t *testing.T, participants, primary int) *script {
	t.Helper()
	c, err := NewCoordinator(Begin{ID: ID{7}, Participants: participants, Primary: primary})
	if err != nil {
		t.Fatal(err)
	}
	return &script{t, c}
}

func (s *script) want(got []Action, want string) {
	s.t.Helper()
	if g := show(got); g != want {
		s.t.Errorf("%s: got %q, want %q", s.c, g, want)
	}
}

func TestCoordinatorCommits(t *testing.T) {
	s := newScript(t, 2, 1)
	c := s.c
	s.want(c.Start(), "prepare 0, prepare 1")
	s.want(c.Start(), "")
	s.want(c.Step(Reply{Op: Prepare, Part: 1, Record: Record{Status: Pending}}), "")
	s.want(c.Step(Reply{Op: Prepare, Part: 1, Lost: true}), "")
	s.want(c.Step(Reply{Op: Prepare, Part: 0, Lost: true}), "prepare 0")
	s.want(c.Time(5), "")
	s.want(c.Step(Reply{Op: Prepare, Part: 0}), "ask time")
	s.want(c.TimeLost(), "ask time")
	if !c.Renews() {
		t.Error("nobody tells the primary that the transaction lives")
	}
	s.want(c.Time(10), "decide 1 committed 10")
	s.want(c.Abort(errConflict), "") // too late
	s.want(c.Step(Reply{Op: Decide, Part: 1, Lost: true}), "decide 1 committed 10")
	if _, ok := c.Outcome(); ok {
		t.Error("there is an outcome before the record says one")
	}
	s.want(c.Step(Reply{Op: Decide, Part: 1, Record: Record{Committed, 8}}), // another one was first
		"answer committed 8, resolve 0 committed 8, resolve 1 committed 8")
	s.want(c.Step(Reply{Op: Decide, Part: 1, Record: Record{Committed, 8}}), "")
	s.want(c.Step(Reply{Op: Resolve, Part: 1}), "")
	s.want(c.Step(Reply{Op: Resolve, Part: 1, Lost: true}), "")
	s.want(c.Step(Reply{Op: Resolve, Part: 0, Lost: true}), "resolve 0 committed 8")
	s.want(c.Step(Reply{Op: Resolve, Part: 0}), "")
	if out, ok := c.Outcome(); !ok || !c.Ended() || c.Renews() || out.Commit != 8 {
		t.Errorf("%s: %+v", c, out)
	}
}

func TestCoordinatorAborts(t *testing.T) {
	s := newScript(t, 3, 0)
	s.c.Start()
	s.want(s.c.Step(Reply{Op: Prepare, Part: 2, Refused: errConflict}), "decide 0 aborted 0")
	s.want(s.c.Step(Reply{Op: Prepare, Part: 1}), "")
	s.want(s.c.Step(Reply{Op: Decide, Part: 0, Record: Record{Status: Aborted}}),
		"answer aborted 0, resolve 0 aborted 0, resolve 1 aborted 0, resolve 2 aborted 0")
	if out, _ := s.c.Outcome(); !errors.Is(out.Err, errConflict) {
		t.Errorf("%v does not say why", out.Err)
	}

	s = newScript(t, 2, 0) // somebody met a lock and was quicker
	s.c.Start()
	s.want(s.c.Step(Reply{Op: Prepare, Part: 0, Record: Record{Status: Aborted}}),
		"answer aborted 0, resolve 0 aborted 0, resolve 1 aborted 0")
	if out, _ := s.c.Outcome(); !graph.IsKind(out.Err, graph.KindConflict) {
		t.Errorf("%v does not say why", out.Err)
	}

	s = newScript(t, 2, 0) // the record that should be committed is not there
	s.c.Start()
	s.c.Step(Reply{Op: Prepare, Part: 0})
	s.c.Step(Reply{Op: Prepare, Part: 1})
	s.c.Time(10)
	s.want(s.c.Step(Reply{Op: Decide, Part: 0, Refused: errConflict}), "decide 0 aborted 0")
}

func TestCoordinatorOfOneShard(t *testing.T) {
	s := newScript(t, 1, 0)
	s.want(s.c.Start(), "one-phase 0")
	s.want(s.c.Step(Reply{Op: OnePhase, Lost: true}), "one-phase 0")
	s.want(s.c.Step(Reply{Op: OnePhase, Record: Record{Committed, 6}}), "answer committed 6")
	if !s.c.Ended() || s.c.Renews() {
		t.Error(s.c)
	}
	s = newScript(t, 1, 0)
	s.c.Start()
	s.want(s.c.Step(Reply{Op: OnePhase, Refused: errConflict, Record: Record{Status: Aborted}}),
		"answer aborted 0")
	if out, _ := s.c.Outcome(); !errors.Is(out.Err, errConflict) {
		t.Errorf("%v does not say why", out.Err)
	}
	s = newScript(t, 1, 0) // the client leaves, but the write was done
	s.c.Start()
	s.want(s.c.Abort(errConflict), "decide 0 aborted 0")
	s.want(s.c.Step(Reply{Op: OnePhase, Lost: true}), "")
	s.want(s.c.Step(Reply{Op: Decide, Record: Record{Committed, 6}}), "answer committed 6")
}

func TestNewCoordinatorRefuses(t *testing.T) {
	for _, b := range []Begin{{}, {Participants: 1}, {ID: ID{1}}, {ID{1}, 2, 2}, {ID{1}, 2, -1}} {
		if _, err := NewCoordinator(b); !graph.IsKind(err, graph.KindInvalid) {
			t.Errorf("%+v: %v", b, err)
		}
	}
	s := newScript(t, 2, 0)
	s.c.Start()
	s.want(s.c.Step(Reply{Op: Prepare, Part: 2}), "")
}

func TestMeet(t *testing.T) {
	for _, c := range []struct {
		rec    Record
		lapsed bool
		want   Remedy
	}{
		{Record{}, false, Wait}, {Record{}, true, AbortAtPrimary},
		{Record{Status: Pending}, false, Wait}, {Record{Status: Pending}, true, AbortAtPrimary},
		{Record{Committed, 4}, false, CarryOut}, {Record{Committed, 4}, true, CarryOut},
		{Record{Status: Aborted}, false, CarryOut}, {Record{Status: Aborted}, true, CarryOut},
	} {
		if got := Meet(c.rec, c.lapsed); got != c.want {
			t.Errorf("%s, lapsed %v: %s, want %s", c.rec.Status, c.lapsed, got, c.want)
		}
	}
	l := Lock{Txn: ID{1}, Prepared: 10, Exclusive: true}
	if l.HidesFrom(9) || !l.HidesFrom(10) || (Lock{Prepared: 10}).HidesFrom(20) {
		t.Error("what a reader waits for")
	}
	shared := Lock{Txn: ID{1}}
	if shared.Excludes(ID{2}, false) || !shared.Excludes(ID{2}, true) || !l.Excludes(ID{2}, false) ||
		l.Excludes(ID{1}, true) {
		t.Error("what a lock excludes")
	}
}
