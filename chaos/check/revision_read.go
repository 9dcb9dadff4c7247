package check

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// revisionSweep holds the reads of one repository, in the order in which they began, to its line.
type revisionSweep struct {
	*finding
	line     *revisionLine
	cfg      Config
	ended    []*history.Op          // reads that were checked
	sessions map[string]*history.Op // session -> its highest read
	lows     map[*history.Op]int    // lowest revision that a read may have shown
	strong   *history.Op            // highest strong read
}

// read checks one answer.
func (s *revisionSweep) read(r *history.Op) {
	answer, ok := output[RevisionFiles](s.finding, r)
	if !ok {
		return
	}
	s.Checked++
	files := slices.Sorted(maps.Keys(s.line.spans))
	if len(r.Input) > 0 {
		if files, ok = input[[]string](s.finding, r); !ok {
			return
		}
	}
	spans, ok := s.intersect(r, files, answer.Files)
	if !ok {
		return
	}
	if answer.Rev != nil {
		spans = meet(spans, []span{{*answer.Rev, *answer.Rev + 1}})
		if len(spans) == 0 {
			s.wrong(ops(r), "%s: the answer says revision %d and shows another", r.Key, *answer.Rev)
			return
		}
	}
	s.bounds(r, spans)
}

// intersect returns the revisions that show all files as r does.
func (s *revisionSweep) intersect(r *history.Op, files []string, shown map[string]string,
) ([]span, bool) {
	for file, version := range shown {
		_, ok := s.line.spans[file][version]
		if ok && slices.Contains(files, file) {
			continue
		}
		if ok {
			s.wrong(ops(r), "%s: a read shows %s, for which it did not ask", r.Key, file)
			return nil, false
		}
		for _, p := range s.line.all {
			if p.Files[file] == version && p.op.Outcome == history.Fail {
				s.wrong(ops(p.op, r), "%s: version %s of %s is of revision %d, which failed", r.Key, version,
					file, p.Rev)
				return nil, false
			}
		}
		s.wrong(ops(r), "%s: nobody published version %q of %s", r.Key, version, file)
		return nil, false
	}
	all := []span{{noRevision, math.MaxInt}}
	for i, file := range files {
		of, known := s.line.spans[file]
		if !known {
			of = map[string][]span{"": {{noRevision, math.MaxInt}}}
		}
		next := meet(all, of[shown[file]])
		if len(next) == 0 {
			s.fractured(r, files[:i], file, shown)
			return nil, false
		}
		all = next
	}
	return all, true
}

// fractured names two files that no revision shows so together, if there are two.
func (s *revisionSweep) fractured(r *history.Op, before []string, file string,
	shown map[string]string) {
	mine := s.line.spans[file][shown[file]]
	for _, other := range before {
		theirs := s.line.spans[other][shown[other]]
		if len(meet(mine, theirs)) == 0 {
			s.wrong(ops(r), "%s: no revision has version %q of %s and %q of %s", r.Key, shown[other], other,
				shown[file], file)
			return
		}
	}
	s.wrong(ops(r), "%s: no revision has the files as the read shows them", r.Key)
}

// bounds holds the revisions that r may have shown to what it has to show and what it may.
func (s *revisionSweep) bounds(r *history.Op, spans []span) {
	floor, why, because := s.floor(r)
	high := math.MaxInt
	var later *publish
	for _, p := range s.line.revs {
		if early(p.op, r) && p.Rev < high {
			high, later = p.Rev, p
		}
	}
	reachable := meet(spans, []span{{floor, math.MaxInt}})
	switch {
	case len(reachable) == 0:
		s.wrong(ops(because, r), "%s: a read shows revision %d at most, %s", r.Key,
			spans[len(spans)-1].to-1, why(floor))
	case len(meet(reachable, []span{{noRevision, high}})) == 0:
		s.wrong(ops(later.op, r), "%s: a read shows revision %d at least, which came later", r.Key,
			reachable[0].from)
	default:
		s.remember(r, max(floor, reachable[0].from))
	}
}

// remember notes the lowest revision that r may have shown; later reads are held to it.
func (s *revisionSweep) remember(r *history.Op, low int) {
	s.lows[r] = low
	s.ended = append(s.ended, r)
}

// floor returns the revision that r has to show at least, why, and the operation that makes it so.
func (s *revisionSweep) floor(r *history.Op) (int, func(int) string, *history.Op) {
	floor, kind := noRevision, ""
	var because *history.Op
	raise := func(rev int, op *history.Op, reason string) {
		if rev > floor {
			floor, because, kind = rev, op, reason
		}
	}
	for _, p := range s.line.revs {
		switch {
		case due(p.op, r):
			raise(p.Rev, p.op, "was acknowledged before")
		case s.tooOld(p.op, r):
			raise(p.Rev, p.op, "was acknowledged longer ago than the bound on staleness")
		}
	}
	s.settle(r)
	if o := s.sessions[r.Session]; o != nil && sameSession(o, r) {
		raise(s.lows[o], o, "was read before in the session")
	}
	if s.strong != nil && r.Strong() {
		raise(s.lows[s.strong], s.strong, "was read before")
	}
	return floor, func(rev int) string { return describeFloor(rev, kind) }, because
}

// settle raises the floors by the reads that had ended before r began.
func (s *revisionSweep) settle(r *history.Op) {
	s.ended = slices.DeleteFunc(s.ended, func(o *history.Op) bool {
		if !o.Before(r) {
			return false
		}
		if o.Mode == history.AsOf {
			return true
		}
		if top := s.sessions[o.Session]; o.Session != "" && (top == nil || s.lows[top] < s.lows[o]) {
			s.sessions[o.Session] = o
		}
		if o.Strong() && (s.strong == nil || s.lows[s.strong] < s.lows[o]) {
			s.strong = o
		}
		return true
	})
}

// tooOld says whether a read in any mode but at a past time has to show publish o by now.
func (s *revisionSweep) tooOld(o, r *history.Op) bool {
	bound := s.cfg.Staleness
	return bound > 0 && r.Mode != history.AsOf && o.Outcome == history.OK &&
		o.End+bound < r.Start+time.Microsecond
}

func describeFloor(rev int, kind string) string {
	if kind == "" {
		return "which is impossible"
	}
	return "revision " + itoa(rev) + " " + kind
}
