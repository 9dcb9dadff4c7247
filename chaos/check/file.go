package check

import (
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// FileReplace is W6: a read shows all rows of one version of a file and nothing of an older one
// (E2), and the stored counter equals the rows (E3).
func FileReplace() Checker { return fold{"file", checkFiles} }

func checkFiles(f *finding, h *history.History, _ Config) {
	byKey := h.ByKey(FileReplaced, FileRead)
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		var writes []*history.Op
		for _, o := range byKey[key] {
			if o.Kind == FileReplaced {
				writes = append(writes, o)
			}
		}
		for _, o := range oked(byKey[key]) {
			if o.Kind != FileRead {
				continue
			}
			if rows, ok := output[FileRows](f, o); ok {
				f.Checked++
				checkFileRows(f, o, rows, writes)
			}
		}
	}
}

// checkFileRows holds one read to the replaces of its file.
func checkFileRows(f *finding, r *history.Op, rows FileRows, writes []*history.Op) {
	var total int64
	for _, n := range rows.Rows {
		total += n
	}
	if total != rows.Stored {
		f.wrong(ops(r), "file %s: the counter says %d, there are %d rows", r.Key, rows.Stored, total)
	}
	byID := map[string]*history.Op{}
	for _, o := range writes {
		byID[o.ID] = o
	}
	ids := slices.Sorted(maps.Keys(rows.Rows))
	var shown []*history.Op
	for _, id := range ids {
		o := byID[id]
		if o == nil {
			f.wrong(ops(r), "file %s: a read shows rows of %s, which nobody wrote", r.Key, id)
			continue
		}
		shown = append(shown, o)
		checkFileVersion(f, r, o, rows.Rows[id], writes)
	}
	if len(shown) > 1 {
		f.wrong(append(shown, r), "file %s: a read shows rows of several versions %v", r.Key, ids)
	}
	// A version without rows cannot be seen, so an empty answer may be one of those.
	if len(ids) == 0 && !mayBeEmpty(f, r, writes) {
		f.wrong(ops(overwritten(nil, r, writes), r), "file %s: a read shows nothing", r.Key)
	}
}

// checkFileVersion holds the rows of one version to the replace that gave them.
func checkFileVersion(f *finding, r, o *history.Op, n int64, writes []*history.Op) {
	switch x := overwritten(o, r, writes); {
	case o.Outcome == history.Fail:
		f.wrong(ops(o, r), "file %s: a read shows rows of %s, which failed", r.Key, o.ID)
	case early(o, r):
		f.wrong(ops(o, r), "file %s: a read shows rows of %s, which came later", r.Key, o.ID)
	case x != nil:
		f.wrong(ops(o, x, r), "file %s: rows of %s stayed after %s replaced it", r.Key, o.ID, x.ID)
	}
	if v, ok := input[FileVersion](f, o); ok && v.Rows != n {
		f.wrong(ops(o, r), "file %s: a read shows %d of the %d rows of %s", r.Key, n, v.Rows, o.ID)
	}
}

func mayBeEmpty(f *finding, r *history.Op, writes []*history.Op) bool {
	for _, o := range candidates(r, writes) {
		if o == nil {
			return true
		}
		if v, ok := input[FileVersion](f, o); ok && v.Rows == 0 {
			return true
		}
	}
	return false
}
