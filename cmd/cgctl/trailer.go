package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	queryv1 "github.com/codegraphdb/codegraph/api/codegraph/query/v1"
	"github.com/codegraphdb/codegraph/graph"
)

// trailer says on stderr how complete an answer is, and fails with errPartial if it is cut
// otherwise than by --limit.
func (a *app) trailer(count int, noun string, t *queryv1.Trailer) error {
	if t == nil {
		return nil
	}
	if count != 1 {
		noun += "s"
	}
	whole := "complete"
	if !t.GetComplete() {
		whole = "incomplete"
	}
	parts := []string{fmt.Sprintf("%d %s", count, noun), whole, "at " + instant(t.GetTimestamp())}
	parts = append(parts, revisions(t.GetRevisions())...)
	parts = append(parts, elapsed(t.GetCost().GetElapsedMicros()))
	fmt.Fprintln(a.err, "# "+strings.Join(parts, ", "))
	var err error
	for _, g := range t.GetGaps() {
		fmt.Fprintln(a.err, "# gap: "+gapText(g))
		if g.GetPartial() && !a.asked(g, count) {
			err = errPartial
		}
	}
	return err
}

// asked tells whether a gap is only that there are more rows than --limit asked for.
func (a *app) asked(g *queryv1.Gap, count int) bool {
	return g.GetCause() == queryv1.GapCause_GAP_CAUSE_LIMIT && a.read.limit > 0 &&
		count >= int(a.read.limit)
}

// instant renders a timestamp for people.
func instant(ts uint64) string {
	if ts == 0 {
		return "the beginning"
	}
	ms := graph.Timestamp(ts).UnixMilli()
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

const (
	shownRevisions = 3
	shownCommit    = 12
)

func revisions(refs []*queryv1.RevisionRef) []string {
	var out []string
	for i, r := range refs {
		if i == shownRevisions {
			return append(out, fmt.Sprintf("%d more repositories", len(refs)-i))
		}
		out = append(out, r.GetRepo()+"@"+shortRevision(r.GetRevision()))
	}
	return out
}

// longHash matches what shortRevision cuts.
var longHash = regexp.MustCompile(`[0-9a-f]{13,}`)

// shortRevision cuts hashes, not what stands around them.
func shortRevision(rev string) string {
	return longHash.ReplaceAllStringFunc(rev, func(h string) string { return h[:shownCommit] })
}

func elapsed(micros uint64) string {
	if micros < 1000 {
		return fmt.Sprintf("%d µs", micros)
	}
	if micros < 10_000_000 {
		return fmt.Sprintf("%d ms", micros/1000)
	}
	return fmt.Sprintf("%.1f s", float64(micros)/1e6)
}

func gapText(g *queryv1.Gap) string {
	cause := strings.TrimPrefix(g.GetCause().String(), "GAP_CAUSE_")
	text := strings.ReplaceAll(strings.ToLower(cause), "_", " ")
	if g.GetCount() > 0 {
		text += fmt.Sprintf(" (%d)", g.GetCount())
	}
	if g.GetDetail() != "" {
		text += ": " + g.GetDetail()
	}
	if g.GetPartial() {
		text += "; the answer is cut"
	}
	return text
}
