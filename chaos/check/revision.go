package check

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Revisions is W7 (E4): the revisions of a repository are one line. Each file of a read gives an
// interval of revisions that show it so; the intervals of all files must meet (no half revision, no
// long fork), not below what the read has to show, and not above what was begun before it ended.
func Revisions() Checker { return fold{"revision", checkRevisions} }

// noRevision stands for the time before the first revision.
const noRevision = -1

// span is the revisions from..to-1.
type span struct{ from, to int }

// revisionLine is the history of one repository.
type revisionLine struct {
	revs  []*publish // ordered; without those that did not happen
	all   map[int]*publish
	spans map[string]map[string][]span // file -> version (empty: not there) -> revisions
}

// publish is one revision.
type publish struct {
	Revision
	op *history.Op
}

func checkRevisions(f *finding, h *history.History, cfg Config) {
	byKey := h.ByKey(RevisionPublish, RevisionRead, RevisionWalk)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		line := newRevisionLine(f, byKey[key])
		sweep := &revisionSweep{finding: f, line: line, cfg: cfg, sessions: map[string]*history.Op{},
			lows: map[*history.Op]int{}}
		for _, r := range oked(byKey[key]) {
			if r.Kind == RevisionRead {
				sweep.read(r)
			}
		}
	}
}

// newRevisionLine orders the revisions of one repository. One of unknown outcome belongs to them if
// an answer shows it; if none does, it makes no difference.
func newRevisionLine(f *finding, all []*history.Op) *revisionLine {
	line := &revisionLine{all: map[int]*publish{}, spans: map[string]map[string][]span{}}
	versions := map[string]int{} // file and version -> revision
	for _, o := range all {
		if o.Kind != RevisionPublish {
			continue
		}
		rev, ok := input[Revision](f, o)
		if !ok {
			continue
		}
		if line.all[rev.Rev] != nil {
			f.unsure("%s: revision %d is published twice", o.Key, rev.Rev)
			continue
		}
		line.all[rev.Rev] = &publish{rev, o}
		for file, version := range rev.Files {
			if _, twice := versions[file+"\x00"+version]; twice && version != "" {
				f.unsure("%s: version %s of %s is published twice", o.Key, version, file)
			}
			versions[file+"\x00"+version] = rev.Rev
		}
	}
	shown := shownRevisions(all, versions)
	for _, p := range line.all {
		if p.op.Outcome == history.OK || p.op.Outcome == history.Info && shown[p.Rev] {
			line.revs = append(line.revs, p)
		}
	}
	slices.SortFunc(line.revs, func(a, b *publish) int { return cmp.Compare(a.Rev, b.Rev) })
	line.cut()
	return line
}

// shownRevisions returns the revisions that some answer shows.
func shownRevisions(all []*history.Op, versions map[string]int) map[int]bool {
	shown := map[int]bool{}
	for _, o := range oked(all) {
		switch o.Kind {
		case RevisionRead:
			read, _ := decode[RevisionFiles](o.Output)
			for file, version := range read.Files {
				if rev, ok := versions[file+"\x00"+version]; ok && version != "" {
					shown[rev] = true
				}
			}
			if read.Rev != nil {
				shown[*read.Rev] = true
			}
		case RevisionWalk:
			if walk, err := decode[WalkReached](o.Output); err == nil {
				shown[walk.Rev] = true
			}
		}
	}
	return shown
}

// cut computes for every file the revisions in which each version is there.
func (l *revisionLine) cut() {
	type current struct {
		version string
		from    int
	}
	now := map[string]current{}
	put := func(file, version string, s span) {
		if l.spans[file] == nil {
			l.spans[file] = map[string][]span{}
		}
		l.spans[file][version] = append(l.spans[file][version], s)
	}
	for _, p := range l.revs {
		for file, version := range p.Files {
			old, ok := now[file]
			if !ok {
				old = current{"", noRevision}
			}
			put(file, old.version, span{old.from, p.Rev})
			now[file] = current{version, p.Rev}
		}
	}
	for file, c := range now {
		put(file, c.version, span{c.from, math.MaxInt})
	}
}

// state returns the files at a revision, and which revision gave each.
func (l *revisionLine) state(rev int) map[string]*publish {
	out := map[string]*publish{}
	for _, p := range l.revs {
		if p.Rev > rev {
			break
		}
		for file, version := range p.Files {
			out[file] = p
			if version == "" {
				delete(out, file)
			}
		}
	}
	return out
}

// meet intersects two ordered lists of spans.
func meet(a, b []span) []span {
	var out []span
	for _, x := range a {
		for _, y := range b {
			if s := (span{max(x.from, y.from), min(x.to, y.to)}); s.from < s.to {
				out = append(out, s)
			}
		}
	}
	return out
}
