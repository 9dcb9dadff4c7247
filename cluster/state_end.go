package cluster

import (
	"cmp"
	"slices"

	"github.com/codegraphdb/codegraph/graph"
)

func (c *CommitImport) apply(d *data) (any, error) {
	same := func(e ended) bool {
		return e.Import == c.Import && e.Attempt == c.Attempt && e.Commit != 0
	}
	if e, ok := d.findEnded(same); ok {
		return CommitResult{e.Commit}, nil
	}
	i, err := d.current(c.Import, c.Attempt)
	if err != nil {
		return nil, err
	}
	if err := d.checkSeals(c.Seals); err != nil {
		return nil, err
	}
	im := d.imports[i]
	at := c.At
	if err := d.time.give(at, at); err != nil {
		return nil, err
	}
	d.time.LastCommit = at
	for _, s := range c.Seals {
		d.required = raise(d.required, s)
	}
	if im.Delete {
		d.commitDeletion(im, at)
	} else {
		d.commitRevision(im, at, c.Stats)
	}
	d.dropImport(i)
	d.end(im, at, "")
	return CommitResult{at}, nil
}

// checkSeals wants exactly one seal of each shard of the map.
func (d *data) checkSeals(seals []ShardIndex) error {
	sealed := map[uint64]bool{}
	for _, s := range seals {
		if d.shards.Shard(s.Shard) == nil {
			return conflict("shard %d, which was sealed, does not exist", s.Shard)
		}
		sealed[s.Shard] = true
	}
	for i := range d.shards.Shards {
		if id := d.shards.Shards[i].ID; !sealed[id] {
			return conflict("shard %d has not been sealed", id)
		}
	}
	return nil
}

func (d *data) commitRevision(im *Import, at graph.Timestamp, stats Stats) {
	r := *d.repos[im.Repo]
	r.Importing = 0
	r.Packages, r.Commits = im.Packages, im.Commits
	r.Count++
	r.Revisions = append(slices.Clone(r.Revisions), Revision{Revision: im.Revision, Import: im.ID,
		Commit: at, Stats: stats, Foreign: im.Foreign})
	r.forget(keptRevisions)
	d.setRepo(&r)
	for _, p := range im.Packages {
		if d.claims[p].Import == im.ID {
			d.ownClaims()
			d.claims[p] = Claim{Package: p, Repo: im.Repo}
		}
	}
}

// forget keeps only the last revisions.
func (r *Repository) forget(keep int) {
	if n := len(r.Revisions) - keep; n > 0 {
		r.Horizon = r.Revisions[n-1].Commit
		r.Revisions = slices.Clone(r.Revisions[n:])
	}
}

// commitDeletion frees the name and the claims. What is left serves views before the deletion.
func (d *data) commitDeletion(im *Import, at graph.Timestamp) {
	r := *d.repos[im.Repo]
	r.Importing, r.Packages, r.Commits = 0, nil, nil
	r.Deleted = at
	r.forget(keptOfDeleted)
	d.setRepo(&r)
	d.setName(r.Name, 0)
	d.ownClaims()
	for _, c := range d.sortedClaims() {
		if c.Repo == r.ID {
			delete(d.claims, c.Package)
		}
	}
	d.forgetDeleted()
}

// forgetDeleted drops the repositories that were deleted longest ago.
func (d *data) forgetDeleted() {
	var gone []*Repository
	for _, r := range d.repos {
		if r.Deleted != 0 {
			gone = append(gone, r)
		}
	}
	slices.SortFunc(gone, func(a, b *Repository) int { return cmp.Compare(a.Deleted, b.Deleted) })
	for _, r := range gone[:max(0, len(gone)-keptDeleted)] {
		d.horizon = max(d.horizon, r.Deleted)
		d.dropRepo(r.ID)
	}
}

func (c *AbortImport) apply(d *data) (any, error) {
	gone := func(e ended) bool { return e.Import == c.Import && e.Commit == 0 }
	if _, ok := d.findEnded(gone); ok {
		return NoResult{}, nil
	}
	i, err := d.current(c.Import, c.Attempt)
	if err != nil {
		return nil, err
	}
	d.abort(i, c.Reason)
	return NoResult{}, nil
}

// abort ends an open import and undoes what opening it did.
func (d *data) abort(i int, reason string) {
	im := d.imports[i]
	d.dropImport(i)
	if reason == "" {
		reason = "no reason given"
	}
	for _, p := range im.Packages {
		if d.claims[p].Import == im.ID {
			d.ownClaims()
			delete(d.claims, p)
		}
	}
	r := *d.repos[im.Repo]
	if r.Importing = 0; r.Count == 0 { // its first import: there is no such repository
		d.dropRepo(r.ID)
		d.setName(r.Name, 0)
	} else {
		d.setRepo(&r)
	}
	d.end(im, 0, reason)
}

// leaseEnded tells whether an import may be aborted for want of renewal.
func leaseEnded(im *Import, nowMillis, leadingMillis int64) bool {
	return max(im.RenewedMillis, leadingMillis)+LeaseMillis <= nowMillis
}

// clockWasAhead tells whether an earlier leader's clock was so far ahead that the lease has to be
// counted anew.
func clockWasAhead(im *Import, nowMillis int64) bool {
	return im.RenewedMillis > nowMillis+LeaseMillis
}

func (c *Expire) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	d.time.expirePins(c.NowMillis)
	var out ExpireResult
	for _, im := range slices.Clone(d.imports) {
		i := d.openImport(im.ID)
		switch {
		case clockWasAhead(im, c.NowMillis):
			changed := *im
			changed.RenewedMillis = c.NowMillis
			d.setImport(i, changed)
		case leaseEnded(im, c.NowMillis, c.LeadingMillis):
			d.abort(i, "its lease ended: nothing was heard of "+im.holder()+" for 10 s")
			out.Aborted = append(out.Aborted, im.ID)
		}
	}
	return out, nil
}

// end records what became of an import; the shards have yet to hear of it.
func (d *data) end(im *Import, at graph.Timestamp, reason string) {
	d.remember(ended{Import: im.ID, Attempt: im.Attempt, Commit: at, Reason: reason,
		RequestID: im.RequestID})
	d.pending = append(slices.Clone(d.pending), &outcome{Import: im.ID, Commit: at})
}

func (c *OutcomeDone) apply(d *data) (any, error) {
	if err := d.mustBeFounded(); err != nil {
		return nil, err
	}
	for _, s := range c.Shards {
		if d.shards.Shard(s.Shard) == nil {
			return nil, conflict("shard %d does not exist", s.Shard)
		}
	}
	i := slices.IndexFunc(d.pending, func(o *outcome) bool { return o.Import == c.Import })
	if i < 0 {
		return NoResult{}, nil // told before, or never heard of: either way nothing is pending
	}
	o := *d.pending[i]
	for _, s := range c.Shards {
		o.Done = raise(o.Done, s)
	}
	d.pending = slices.Clone(d.pending)
	if len(o.Done) < len(d.shards.Shards) {
		d.pending[i] = &o
		return NoResult{}, nil
	}
	d.pending = slices.Delete(d.pending, i, i+1)
	if o.Commit != 0 {
		d.tail = append(slices.Clone(d.tail), &o)
		d.trimTail()
	}
	return NoResult{}, nil
}

// trimTail lets the oldest outcomes leave the views: from then on a replica must have applied the
// entry that told it.
func (d *data) trimTail() {
	for len(d.tail) > TailOutcomes {
		for _, s := range d.tail[0].Done {
			d.required = raise(d.required, s)
		}
		d.tail = slices.Clone(d.tail[1:])
	}
}
