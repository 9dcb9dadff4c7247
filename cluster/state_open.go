package cluster

import (
	"slices"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

func (c *OpenImport) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	if e, ok := d.findEnded(func(e ended) bool { return e.RequestID == c.RequestID }); ok {
		return nil, conflict("request %s opened import %s, which has ended: %s", c.RequestID,
			e.Import, e.how()).WithRemedy("open a new import")
	}
	id, exists := d.names[c.RepoName]
	if exists && d.repos[id].Importing != 0 {
		return c.again(d, d.openImport(d.repos[id].Importing))
	}
	if c.Delete && !exists {
		return nil, notFound("repository %q does not exist", c.RepoName)
	}
	if len(d.imports) >= maxImports {
		return nil, graph.Errorf(opApply, graph.KindLimit, "%d imports are open (limit %d)",
			len(d.imports), maxImports).WithRemedy("wait until some have ended")
	}
	repo := Repository{Name: c.RepoName}
	if exists {
		repo = *d.repos[id]
		if err := firstError(c.sameRepository(&repo), c.notOlder(&repo)); err != nil {
			return nil, err
		}
	} else {
		d.lastRepo++
		repo.ID = d.lastRepo
		d.setName(repo.Name, repo.ID)
	}
	if err := d.time.give(c.At, c.At.ImportID()); err != nil {
		return nil, err
	}
	im := c.start(d, &repo)
	repo.Importing = im.ID
	d.setRepo(&repo)
	d.imports = append(slices.Clone(d.imports), im)
	return im.result(d), nil
}

// again answers when the repository is being imported: the same request gets the same answer, or
// the next attempt if it asks for that; everybody else has to wait.
func (c *OpenImport) again(d *data, i int) (any, error) {
	im := *d.imports[i]
	if im.RequestID != c.RequestID || im.Holder != c.Holder {
		since := time.UnixMilli(im.OpenedMillis).UTC().Format(time.RFC3339)
		return nil, conflict("repository %q is being imported by %s since %s", c.RepoName,
			im.holder(), since).WithRemedy("wait until that import ends; the lock of one that " +
			"died is released after 10 s")
	}
	if im.Revision != c.Revision || im.Delete != c.Delete {
		return nil, conflict("request %s opened an import of revision %q of %q, not of %q",
			c.RequestID, im.Revision, c.RepoName, c.Revision)
	}
	if c.Reopen > im.Attempt {
		return nil, invalid("import %s is at attempt %d, not %d", im.ID, im.Attempt, c.Reopen)
	}
	if c.Reopen == im.Attempt {
		im.Attempt++
	}
	im.RenewedMillis = c.NowMillis
	d.setImport(i, im)
	return im.result(d), nil
}

// sameRepository refuses an import under a name that belongs to something else. What tells them
// apart is packages and recent commits, as far as both have them.
func (c *OpenImport) sameRepository(r *Repository) error {
	if c.Replace || c.Delete || r.Count == 0 {
		return nil
	}
	packages := len(c.Packages) > 0 && len(r.Packages) > 0
	commits := len(c.Commits) > 0 && len(r.Commits) > 0
	if !packages && !commits || shareAny(c.Packages, r.Packages) || shareAny(c.Commits, r.Commits) {
		return nil
	}
	return conflict("the name %q belongs to a repository that shares no package and no recent "+
		"commit with this one", c.RepoName).
		WithRemedy("give this one another name with --name, or --replace what is stored")
}

// notOlder refuses a commit from which the current one descends: what a repository is moves forward
// (rule 1.14), unless somebody says that it shall go back.
func (c *OpenImport) notOlder(r *Repository) error {
	if c.MakeCurrent || c.Replace || c.Delete || len(c.Commits) == 0 || len(r.Commits) == 0 {
		return nil
	}
	if !slices.Contains(r.Commits[1:], c.Commits[0]) {
		return nil
	}
	return conflict("commit %s of repository %q is older than %s, which is ingested", c.Commits[0],
		c.RepoName, r.Commits[0]).WithRemedy("ingest history oldest first; to go back to this " +
		"commit on purpose, --replace what is stored")
}

func shareAny[T comparable](a, b []T) bool {
	seen := make(map[T]bool, len(a))
	for _, x := range a {
		seen[x] = true
	}
	return slices.ContainsFunc(b, func(x T) bool { return seen[x] })
}

// start makes the import and takes its claims.
func (c *OpenImport) start(d *data, repo *Repository) *Import {
	im := &Import{
		ID: c.At.ImportID(), Attempt: 1, Repo: repo.ID, RepoName: repo.Name,
		Revision: c.Revision, Delete: c.Delete, Holder: c.Holder,
		RequestID: c.RequestID, OpenedMillis: c.NowMillis, RenewedMillis: c.NowMillis,
	}
	if repo.Count > 0 { // its own last commit may be older than what reads may ask for
		im.Base = d.time.LastCommit
	}
	if c.Delete {
		return im
	}
	im.Packages, im.Commits = normalPackages(c.Packages), slices.Clone(c.Commits)
	for _, p := range im.Packages {
		claim, taken := d.claims[p]
		switch {
		case !taken:
			d.ownClaims()
			d.claims[p] = Claim{Package: p, Repo: repo.ID, Import: im.ID}
		case claim.Repo != repo.ID:
			im.Foreign = append(im.Foreign, p)
		}
	}
	return im
}

func (im *Import) holder() string {
	if im.Holder == "" {
		return "somebody"
	}
	return im.Holder
}

func (im *Import) result(d *data) OpenResult {
	return OpenResult{Import: im.ID, Attempt: im.Attempt, Repo: im.Repo, Foreign: im.Foreign,
		Base: im.Base, LeaseMillis: LeaseMillis, Shards: d.shards.Shards}
}

// how tells how an import ended.
func (e ended) how() string {
	if e.Commit != 0 {
		return "committed at " + e.Commit.String()
	}
	return "aborted: " + e.Reason
}

// current returns the position of an open import if the attempt is its current one.
func (d *data) current(id graph.Timestamp, attempt uint32) (int, error) {
	if err := d.mustBeFounded(); err != nil {
		return 0, err
	}
	i := d.openImport(id)
	if i < 0 {
		e, ok := d.findEnded(func(e ended) bool { return e.Import == id })
		if !ok {
			return 0, notFound("import %s does not exist", id)
		}
		if e.Commit != 0 {
			return 0, conflict("import %s was committed at %s", id, e.Commit)
		}
		return 0, conflict("import was aborted: %s", e.Reason).WithRemedy("start it again")
	}
	if now := d.imports[i].Attempt; now != attempt {
		return 0, conflict("import %s is at attempt %d, not %d: somebody else has taken it over",
			id, now, attempt)
	}
	return i, nil
}

func (c *RenewImport) apply(d *data) (any, error) {
	i, err := d.current(c.Import, c.Attempt)
	if err != nil {
		return nil, err
	}
	im := *d.imports[i]
	im.RenewedMillis = c.NowMillis
	d.setImport(i, im)
	return NoResult{}, nil
}
