package toydb

import (
	"sort"
	"strings"
	"time"
)

// store is a multi-version store with one order of commits.
type store struct {
	rows    map[string][]version
	commits []time.Duration // when the commit with timestamp i+1 happened
}

type version struct {
	ts    uint64
	value string // empty: deleted
}

func newStore() *store { return &store{rows: map[string][]version{}} }

// now is the last timestamp.
func (s *store) now() uint64 { return uint64(len(s.commits)) }

// at is the last timestamp at a time.
func (s *store) at(t time.Duration) uint64 {
	return uint64(sort.Search(len(s.commits), func(i int) bool { return s.commits[i] > t }))
}

// commit writes all rows at one new timestamp.
func (s *store) commit(t time.Duration, writes map[string]string) uint64 {
	s.commits = append(s.commits, t)
	for key, value := range writes {
		s.rows[key] = append(s.rows[key], version{s.now(), value})
	}
	return s.now()
}

// get reads one row at a timestamp.
func (s *store) get(key string, ts uint64) string {
	value := ""
	for _, v := range s.rows[key] {
		if v.ts <= ts {
			value = v.value
		}
	}
	return value
}

// scan reads all rows below a prefix, by the rest of their keys.
func (s *store) scan(prefix string, ts uint64) map[string]string {
	out := map[string]string{}
	for key := range s.rows {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			if v := s.get(key, ts); v != "" {
				out[rest] = v
			}
		}
	}
	return out
}
