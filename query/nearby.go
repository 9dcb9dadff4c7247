package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
	"github.com/codegraphdb/codegraph/query/exec"
	"github.com/codegraphdb/codegraph/query/parse"
)

// notFound is the error for a reference that matches nothing, with names that are near.
func (c *call) notFound(ctx context.Context, text string, repo graph.RepoID) error {
	err := graph.Errorf(opResolve, graph.KindNotFound, "no symbol matches %q", text)
	near := c.near(ctx, text, repo)
	if len(near) == 0 {
		return err.WithRemedy("search for a part of the name")
	}
	return err.WithRemedy("did you mean %s?", strings.Join(near, ", "))
}

// nearName is a name close to what was asked for.
type nearName struct {
	distance int
	name     string
}

// near returns qualified names of which the last part is close to that of text: equal but for case,
// or within two edits among the names that begin with the same half or share a camel-case part.
// Failing to look is no error of its own.
func (c *call) near(ctx context.Context, text string, repo graph.RepoID) []string {
	const most, perShard, edits, shortest = 5, 500, 2, 3
	full := exec.NameCandidates(text)[0]
	name := strings.ToLower(full)
	specs := []graph.ScanSpec{{Index: graph.IndexNameLower, Value: name[:(len(name)+1)/2],
		Match: graph.MatchPrefix}}
	for _, part := range graph.CamelParts(full) {
		specs = append(specs, graph.ScanSpec{Index: graph.IndexCamel, Value: part})
	}
	var found []nearName
	for i := range specs {
		spec := &specs[i]
		if len(spec.Value) < shortest-1 || len(spec.Value) < shortest && i > 0 {
			continue
		}
		spec.Repo, spec.Limit = repo, perShard
		err := c.r.Scan(ctx, spec, func(batch []*exec.Vertex) error {
			for _, v := range batch {
				d := parse.EditDistance(name, strings.ToLower(v.Props.Name))
				if d <= edits && !placeKinds.Has(v.Props.Kind) {
					found = append(found, nearName{d, exec.QualifiedName(v.Props)})
				}
			}
			return nil
		})
		if err != nil {
			return nil
		}
	}
	slices.SortFunc(found, func(a, b nearName) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(len(a.name), len(b.name)),
			cmp.Compare(a.name, b.name))
	})
	found = slices.Compact(found)
	var out []string
	for _, n := range found[:min(len(found), most)] {
		out = append(out, n.name)
	}
	return out
}
