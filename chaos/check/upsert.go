package check

import (
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// Upserts is W9 (E11): a key has one id at most. Between two different ids of a key there has to
// be a delete that may have come between (none helps if Config.StableIDs), and no read shows what
// an acknowledged delete took away.
func Upserts() Checker { return fold{"upsert", checkUpserts} }

// AppliedOnce is E12: each shard's log applied each operation at most once, and none that failed.
func AppliedOnce() Checker { return fold{"applied-once", checkApplied} }

func checkUpserts(f *finding, h *history.History, cfg Config) {
	byKey := h.ByKey(UpsertPut, UpsertDelete, UpsertRead)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		var writes, reads []*history.Op
		for _, o := range byKey[key] {
			if o.Kind == UpsertRead {
				reads = append(reads, o)
			} else {
				writes = append(writes, o)
			}
		}
		ids := checkPuts(f, writes, cfg.StableIDs)
		for _, r := range oked(reads) {
			if shown, ok := output[[]string](f, r); ok {
				f.Checked++
				checkUpsertRead(f, r, shown, writes, ids)
			}
		}
	}
}

// checkPuts compares the ids that the puts of one key gave and returns which put gave which.
func checkPuts(f *finding, writes []*history.Op, stable bool) map[*history.Op]string {
	ids := map[*history.Op]string{}
	var puts []*history.Op
	for _, o := range oked(writes) {
		if o.Kind != UpsertPut {
			continue
		}
		id, ok := output[string](f, o)
		if !ok {
			continue
		}
		f.Checked++
		for _, p := range puts {
			if ids[p] != id && (stable || !deleteBetween(p, o, writes)) {
				f.wrong(ops(p, o), "key %s: two puts give two ids, %s and %s", o.Key, ids[p], id)
				break
			}
		}
		ids[o] = id
		puts = append(puts, o)
	}
	return ids
}

// deleteBetween says whether a delete may have taken effect between two puts.
func deleteBetween(a, b *history.Op, writes []*history.Op) bool {
	for _, d := range maybe(writes) {
		if d.Kind != UpsertDelete {
			continue
		}
		before := d.Before(a) && d.Before(b)
		behind := a.Before(d) && b.Before(d)
		if !before && !behind {
			return true
		}
	}
	return false
}

// checkUpsertRead holds one read of a key to its writes.
func checkUpsertRead(f *finding, r *history.Op, shown []string, writes []*history.Op,
	ids map[*history.Op]string) {
	if len(shown) > 1 {
		f.wrong(ops(r), "key %s has %d ids: %v", r.Key, len(shown), shown)
		return
	}
	for _, o := range candidates(r, writes) {
		gone := o == nil || o.Kind == UpsertDelete
		switch {
		case gone && len(shown) == 0:
			return
		case !gone && len(shown) == 1 && (o.Outcome == history.Info || ids[o] == shown[0]):
			return
		}
	}
	if len(shown) == 0 {
		f.wrong(ops(overwritten(nil, r, writes), r), "key %s: a read shows nothing", r.Key)
		return
	}
	f.wrong(ops(r), "key %s: a read shows %s, which no put that may be the last one gave", r.Key,
		shown[0])
}

func checkApplied(f *finding, h *history.History, _ Config) {
	byID := map[string]*history.Op{}
	for i := range h.Ops {
		if h.Ops[i].ID != "" {
			byID[h.Ops[i].ID] = &h.Ops[i]
		}
	}
	for _, o := range h.Seen {
		if o.Kind != history.SeenApplied {
			continue
		}
		counts, err := decode[map[string]int64](o.Value)
		if err != nil {
			f.unsure("applied operations on line %d: %v", o.Index, err)
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(counts)) {
			f.Checked++
			op := byID[id]
			switch {
			case counts[id] > 1:
				f.wrong(ops(op), "shard %d applied %s %d times", o.Shard, id, counts[id])
			case counts[id] == 1 && op != nil && op.Outcome == history.Fail:
				f.wrong(ops(op), "shard %d applied %s, which failed", o.Shard, id)
			}
		}
	}
}
