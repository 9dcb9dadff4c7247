package toydb

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// edge adds and removes edges, half by half, and counts them.
func (s *sim) edge() load {
	return load{next: func(int) step {
		u, v, id := "u"+num(s.rng.Int64N(4)), "v"+num(s.rng.Int64N(4)), s.id()
		key := u + ">" + v
		switch s.rng.IntN(6) {
		case 0, 1:
			return step{history.Request{Kind: check.EdgeAdd, Key: key, ID: id},
				func() (history.Result, error) { return s.setEdge(id, u, key, id), nil }}
		case 2:
			return step{history.Request{Kind: check.EdgeRemove, Key: key, ID: id},
				func() (history.Result, error) { return s.setEdge(id, u, key, ""), nil }}
		case 3:
			return s.countEdges(u)
		}
		return s.readEdge(key)
	}, final: func() []step { return []step{s.readEdge("u0>v0"), s.countEdges("u0")} }}
}

// setEdge writes both halves and the counter; an empty half removes the edge.
func (s *sim) setEdge(id, u, key, half string) history.Result {
	now := s.store.now()
	n := parse(s.get("n/"+u, now))
	if had := s.get("out/"+key, now); had == "" && half != "" {
		n++
	} else if had != "" && half == "" {
		n--
	}
	writes := map[string]string{"out/" + key: half, "in/" + key: half}
	if !s.chance(Drift, 0.05) {
		writes["n/"+u] = num(n)
	}
	if s.chance(HalfEdge, 0.03) {
		delete(writes, "in/"+key)
	}
	return s.put(id, writes)
}

func (s *sim) readEdge(key string) step {
	return step{history.Request{Kind: check.EdgeRead, Key: key, ReadOnly: true},
		func() (history.Result, error) {
			ts := s.strongTime()
			return history.Result{Value: check.EdgePair{Out: s.get("out/"+key, ts),
				In: s.get("in/"+key, ts)}, At: history.At{Timestamp: ts}}, nil
		}}
}

func (s *sim) countEdges(u string) step {
	return step{history.Request{Kind: check.EdgeCount, Key: u, ReadOnly: true},
		func() (history.Result, error) {
			ts := s.store.now()
			return history.Result{Value: check.Counts{Stored: parse(s.get("n/"+u, ts)),
				Scanned: int64(len(s.scan("out/"+u+">", ts)))}, At: history.At{Timestamp: ts}}, nil
		}}
}

// halves records the sums of both directions; all out halves are on shard 1, all in halves on 2.
func (s *sim) halves() {
	sum := func(prefix string) map[string]string {
		buckets := map[string]uint64{}
		for key, id := range s.scan(prefix, s.store.now()) {
			h := fnv.New64a()
			h.Write([]byte(key + id))
			buckets[num(int64(h.Sum64()%8))] += h.Sum64()
		}
		out := map[string]string{}
		for b, v := range buckets {
			out[b] = fmt.Sprintf("%x", v)
		}
		return out
	}
	forward, backward := sum("out/"), sum("in/")
	if s.Bug == LostHalf && len(backward) > 0 {
		delete(backward, slices.Min(slices.Collect(maps.Keys(backward))))
	}
	s.see(history.Observation{Kind: history.SeenHalves, Shard: 1}, check.Halves{Peer: 2, Out: forward})
	s.see(history.Observation{Kind: history.SeenHalves, Shard: 2}, check.Halves{Peer: 1, In: backward})
}

// file replaces files as a whole.
func (s *sim) file() load {
	read := func(f string) step {
		return step{history.Request{Kind: check.FileRead, Key: f, ReadOnly: true},
			func() (history.Result, error) {
				ts := s.strongTime()
				rows := map[string]int64{}
				for _, id := range s.scan("row/"+f+"/", ts) {
					rows[id]++
				}
				return history.Result{Value: check.FileRows{Rows: rows, Stored: parse(s.get("n/"+f, ts))},
					At: history.At{Timestamp: ts}}, nil
			}}
	}
	return load{next: func(int) step {
		f, id, n := "f"+num(s.rng.Int64N(5)), s.id(), s.rng.Int64N(6)
		if s.rng.IntN(2) == 0 {
			return read(f)
		}
		return step{history.Request{Kind: check.FileReplaced, Key: f, ID: id,
			Value: check.FileVersion{Rows: n}},
			func() (history.Result, error) { return s.replace(f, id, n), nil }}
	}, final: func() []step { return []step{read("f0"), read("f1"), read("f2")} }}
}

// replace takes the rows of the old version away and puts n new ones in.
func (s *sim) replace(f, id string, n int64) history.Result {
	writes := map[string]string{}
	old := s.scan("row/"+f+"/", s.store.now())
	for row := range old {
		writes["row/"+f+"/"+row] = ""
	}
	left := int64(0)
	if s.chance(Ghost, 0.1) && len(old) > 0 {
		delete(writes, "row/"+f+"/"+slices.Min(slices.Collect(maps.Keys(old))))
		left = 1
	}
	for i := range n {
		writes["row/"+f+"/"+id+"-"+num(i)] = id
	}
	if !s.chance(Drift, 0.05) {
		writes["n/"+f] = num(n + left)
	}
	return s.put(id, writes)
}

// repository is what the publisher of the revision workload knows.
type repository struct {
	rev  int
	busy bool
}

// revision lets one client publish revisions and the others read them.
func (s *sim) revision() load {
	repo := &repository{rev: -1}
	return load{next: func(client int) step {
		switch {
		case client == 0:
			return s.publish(repo)
		case s.rng.IntN(3) == 0:
			return s.walk()
		}
		modes := []history.Mode{history.Strong, history.Snapshot}
		return s.readRevision(modes[s.rng.IntN(2)], "c"+num(int64(client)))
	}, final: func() []step { return []step{s.readRevision(history.Strong, ""), s.walk()} }}
}

// publish changes two or three of six files at once. Like an import with the repository's lock, it
// comes to nothing once a later revision is there.
func (s *sim) publish(repo *repository) step {
	repo.rev++
	r := check.Revision{Rev: repo.rev, Files: map[string]string{}, Calls: map[string][]string{}}
	for range 3 {
		f := "f" + num(s.rng.Int64N(6))
		r.Files[f] = "v" + num(int64(r.Rev))
		r.Calls[f] = []string{"f" + num(s.rng.Int64N(6)), "f" + num(s.rng.Int64N(6))}
	}
	if f := "f" + num(s.rng.Int64N(6)); s.rng.IntN(4) == 0 && r.Calls[f] == nil {
		r.Files[f] = ""
	}
	id := s.id()
	return step{history.Request{Kind: check.RevisionPublish, Key: "repo", ID: id, Value: r},
		func() (history.Result, error) {
			if has := s.get("rev", s.store.now()); has != "" && parse(has) >= int64(r.Rev) {
				return history.Result{}, errRefused
			}
			return s.putRevision(id, r), nil
		}}
}

// putRevision commits a revision, in two parts if the bug says so.
func (s *sim) putRevision(id string, r check.Revision) history.Result {
	first, second := map[string]string{"rev": num(int64(r.Rev))}, map[string]string{}
	for i, f := range slices.Sorted(maps.Keys(r.Files)) {
		part := first
		if i%2 == 1 {
			part = second
		}
		part["file/"+f] = r.Files[f]
		part["calls/"+f] = strings.Join(r.Calls[f], " ")
	}
	if s.chance(HalfRevision, 0.2) && len(second) > 0 {
		res := s.put(id, first)
		s.at(s.now+20*time.Millisecond, func() { s.commit(s.now, second) })
		return res
	}
	maps.Copy(first, second)
	return s.put(id, first)
}

func (s *sim) readRevision(mode history.Mode, session string) step {
	return step{history.Request{Kind: check.RevisionRead, Key: "repo", Mode: mode, Session: session,
		ReadOnly: true},
		func() (history.Result, error) {
			ts := s.strongTime()
			if mode == history.Snapshot {
				ts = s.sessionTime(session)
			}
			files := s.scan("file/", ts)
			if s.chance(LongFork, 0.2) {
				older := s.scan("file/", s.store.at(s.now-s.Lag))
				half := 2 * s.rng.Int64N(2) // either half of the files comes from the slower replica
				for _, f := range []string{"f" + num(half), "f" + num(half+1), "f" + num(half+2)} {
					delete(files, f)
					if v := older[f]; v != "" {
						files[f] = v
					}
				}
			}
			rev := revisionAt(s.get("rev", ts))
			if s.chance(WrongAsOf, 0.1) {
				rev++
			}
			s.saw(session, ts)
			return history.Result{Value: check.RevisionFiles{Rev: &rev, Files: files},
				At: history.At{Timestamp: ts}}, nil
		}}
}

func revisionAt(text string) int {
	if text == "" {
		return -1
	}
	return int(parse(text))
}

// walk follows calls over two hops.
func (s *sim) walk() step {
	from := check.WalkFrom{Start: "f" + num(s.rng.Int64N(6)), Hops: 2}
	return step{history.Request{Kind: check.RevisionWalk, Key: "repo", Value: from, ReadOnly: true},
		func() (history.Result, error) {
			ts := s.store.now()
			torn := s.chance(TornWalk, 0.5)
			seen := map[string]bool{}
			frontier := []string{from.Start}
			for hop := 0; hop <= from.Hops; hop++ {
				at := ts
				if torn && hop > 0 {
					at = s.store.at(s.now - s.Lag)
				}
				var next []string
				for _, f := range frontier {
					if s.get("file/"+f, at) == "" || seen[f] {
						continue
					}
					seen[f] = true
					next = append(next, strings.Fields(s.get("calls/"+f, at))...)
				}
				frontier = next
			}
			return history.Result{Value: check.WalkReached{Rev: revisionAt(s.get("rev", ts)),
				Reached: slices.Sorted(maps.Keys(seen))}, At: history.At{Timestamp: ts}}, nil
		}}
}
