package toydb

import (
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// sessionTime is the timestamp of a snapshot read: replicas lag by different spans, but never
// behind what the session has seen.
func (s *sim) sessionTime(session string) uint64 {
	ts := s.store.at(s.now - s.upTo(2*s.Lag))
	if s.chance(NoFloor, 0.2) {
		return ts
	}
	return max(ts, s.tokens[session])
}

// saw raises the token of a session.
func (s *sim) saw(session string, ts uint64) {
	if session != "" {
		s.tokens[session] = max(s.tokens[session], ts)
	}
}

// session lets every client write keys of its own and read all keys through lagging replicas.
func (s *sim) session() load {
	versions := map[string]int64{}
	read := func(session, key string, mode history.Mode) step {
		floor := s.tokens[session]
		if s.Bare {
			floor = 0
		}
		return step{history.Request{Kind: check.SessionRead, Key: key, Session: session, Mode: mode,
			Floor: floor, ReadOnly: true},
			func() (history.Result, error) {
				ts := s.sessionTime(session)
				if mode == history.Strong {
					ts = s.strongTime()
				}
				s.saw(session, ts)
				at := history.At{Timestamp: ts, Shards: []history.ShardAt{{Shard: 1, Epoch: 1, Applied: ts}}}
				return history.Result{Value: parse(s.get(key, ts)), At: at}, nil
			}}
	}
	return load{next: func(client int) step {
		name := "c" + num(int64(client))
		if s.rng.IntN(3) > 0 {
			return read(name, "k"+num(s.rng.Int64N(int64(s.Clients))), history.Snapshot)
		}
		key := "k" + num(int64(client))
		versions[key]++
		v, id := versions[key], s.id()
		return step{history.Request{Kind: check.SessionWrite, Key: key, ID: id, Session: name, Value: v},
			func() (history.Result, error) {
				if parse(s.get(key, s.store.now())) >= v {
					return history.Result{}, errRefused
				}
				res := s.put(id, map[string]string{key: num(v)})
				s.saw(name, res.At.Timestamp)
				return res, nil
			}}
	}, final: func() []step { return []step{read("", "k0", history.Strong)} }}
}

// upsert puts and deletes a few keys.
func (s *sim) upsert() load {
	read := func(key string) step {
		return step{history.Request{Kind: check.UpsertRead, Key: key, ReadOnly: true},
			func() (history.Result, error) {
				ids := []string{}
				for _, index := range []string{"id/", "other/"} {
					if id := s.get(index+key, s.store.now()); id != "" {
						ids = append(ids, id)
					}
				}
				return history.Result{Value: ids, At: history.At{Timestamp: s.store.now()}}, nil
			}}
	}
	return load{next: func(int) step {
		key, id := "k"+num(s.rng.Int64N(10)), s.id()
		switch s.rng.IntN(6) {
		case 0, 1:
			return step{history.Request{Kind: check.UpsertPut, Key: key, ID: id},
				func() (history.Result, error) { return s.upsertOne(key, id), nil }}
		case 2:
			return step{history.Request{Kind: check.UpsertDelete, Key: key, ID: id},
				func() (history.Result, error) {
					if s.chance(DeadIndex, 0.1) {
						return history.Result{At: history.At{Timestamp: s.commit(s.now, nil)}}, nil
					}
					return s.put(id, map[string]string{"id/" + key: "", "other/" + key: ""}), nil
				}}
		}
		return read(key)
	}, final: func() []step { return []step{read("k0"), read("k1")} }}
}

// upsertOne gives the id of the key, a new one if it has none as of now, or as of a moment ago if
// two of them race.
func (s *sim) upsertOne(key, id string) history.Result {
	now := s.store.now()
	if have := s.get("id/"+key, now); have != "" {
		if s.get("id/"+key, s.store.at(s.now-3*time.Millisecond)) == "" && s.Bug == TwoIDs {
			res := s.put(id, map[string]string{"other/" + key: "x" + id})
			res.Value = "x" + id
			return res
		}
		res := s.put(id, nil)
		res.Value = have
		return res
	}
	res := s.put(id, map[string]string{"id/" + key: "x" + id})
	res.Value = "x" + id
	return res
}
