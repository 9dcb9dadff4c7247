package toydb

import (
	"errors"
	"slices"
	"time"

	"github.com/codegraphdb/codegraph/chaos/check"
	"github.com/codegraphdb/codegraph/chaos/history"
)

// errRefused is a definite refusal.
var errRefused = history.Definitely(errors.New("refused"))

// put commits rows, unless the bug forgets an acknowledged write.
func (s *sim) put(id string, writes map[string]string) history.Result {
	s.copies[id]++
	if s.chance(AppliedTwice, 0.02) {
		s.copies[id]++
	}
	if s.chance(LostWrite, 0.03) {
		return history.Result{}
	}
	return history.Result{At: history.At{Timestamp: s.commit(s.now, writes)}}
}

// strongTime is the timestamp of a strong read.
func (s *sim) strongTime() uint64 {
	if s.chance(StaleRead, 0.1) {
		return s.store.at(s.now - s.Lag)
	}
	return s.store.now()
}

// id makes the id of an operation.
func (s *sim) id() string {
	s.order++
	return "w" + num(int64(s.order))
}

// register reads, writes and swaps numbers under a few keys.
func (s *sim) register() load {
	value := int64(0)
	key := func() string { return "r" + num(s.rng.Int64N(20)) }
	read := func(k string) step {
		return step{history.Request{Kind: check.RegisterRead, Key: k, ReadOnly: true},
			func() (history.Result, error) {
				ts := s.strongTime()
				text := s.get(k, ts)
				at := history.At{Timestamp: ts}
				if text == "" {
					return history.Result{Value: (*int64)(nil), At: at}, nil
				}
				return history.Result{Value: parse(text), At: at}, nil
			}}
	}
	return load{next: func(int) step {
		value++
		v, k, id := value, key(), s.id()
		switch s.rng.IntN(5) {
		case 0, 1:
			return step{history.Request{Kind: check.RegisterWrite, Key: k, ID: id, Value: v},
				func() (history.Result, error) { return s.put(id, map[string]string{k: num(v)}), nil }}
		case 2:
			from := parse(s.get(k, s.store.now()))
			return step{history.Request{Kind: check.RegisterCAS, Key: k, ID: id,
				Value: check.CAS{From: from, To: v}},
				func() (history.Result, error) { return s.swap(id, k, check.CAS{From: from, To: v}) }}
		}
		return read(k)
	}, final: func() []step { return []step{read("r0"), read("r1")} }}
}

// swap is a compare-and-set.
func (s *sim) swap(id, key string, c check.CAS) (history.Result, error) {
	ts := s.store.now()
	if s.chance(BlindCAS, 0.5) {
		ts = s.store.at(s.now - s.Lag)
	}
	have := s.get(key, ts)
	if have == "" || parse(have) != c.From {
		return history.Result{Value: false}, nil
	}
	res := s.put(id, map[string]string{key: num(c.To)})
	res.Value = true
	return res, nil
}

// set adds numbers and reads them all.
func (s *sim) set() load {
	value := int64(0)
	read := func(mode history.Mode) step {
		return step{history.Request{Kind: check.SetRead, Key: "s", Mode: mode, ReadOnly: true},
			func() (history.Result, error) {
				ts := s.strongTime()
				if mode == history.Snapshot {
					ts = s.store.at(s.now - s.Lag)
				}
				values := []int64{}
				for text := range s.scan("s/", ts) {
					values = append(values, parse(text))
				}
				slices.Sort(values)
				return history.Result{Value: values, At: history.At{Timestamp: ts}}, nil
			}}
	}
	return load{next: func(int) step {
		switch s.rng.IntN(20) {
		case 0:
			return read(history.Strong)
		case 1:
			return read(history.Snapshot)
		}
		value++
		v, id := value, s.id()
		return step{history.Request{Kind: check.SetAdd, Key: "s", ID: id, Value: v},
			func() (history.Result, error) { return s.put(id, map[string]string{"s/" + num(v): "1"}), nil }}
	}, final: func() []step { return []step{read(history.Strong)} }}
}

// bank moves money between accounts and reads them all.
func (s *sim) bank() load {
	s.cfg.Bank = check.Bank{Total: 80}
	founding := map[string]string{}
	for i := range int64(8) {
		s.cfg.Bank.Accounts = append(s.cfg.Bank.Accounts, num(i))
		founding["a/"+num(i)] = "10"
	}
	s.commit(0, founding)
	return load{next: func(int) step {
		if s.rng.IntN(3) == 0 {
			return s.bankRead()
		}
		t := check.Transfer{From: num(s.rng.Int64N(8)), To: num(s.rng.Int64N(8)),
			Amount: 1 + s.rng.Int64N(4)}
		id := s.id()
		began := s.store.at(s.now - s.Lag)
		return step{history.Request{Kind: check.BankTransfer, ID: id, Value: t},
			func() (history.Result, error) { return s.transfer(id, t, began) }}
	}, final: func() []step { return []step{s.bankRead()} }}
}

func (s *sim) bankRead() step {
	mode := history.Strong
	if s.rng.IntN(2) == 0 {
		mode = history.Snapshot
	}
	return step{history.Request{Kind: check.BankRead, Mode: mode, ReadOnly: true},
		func() (history.Result, error) {
			ts := s.store.now()
			if mode == history.Snapshot {
				ts = max(1, s.store.at(s.now-s.Lag))
			}
			skew, missing := s.chance(ReadSkew, 0.3), s.chance(MissingRow, 0.05)
			balances := map[string]*int64{}
			for i, a := range s.cfg.Bank.Accounts {
				at := ts
				if skew && i%2 == 1 {
					at = max(1, s.store.at(s.now-s.Lag-50*time.Millisecond))
				}
				n := parse(s.get("a/"+a, at))
				balances[a] = &n
				if missing && i == 3 {
					balances[a] = nil
				}
			}
			return history.Result{Value: balances, At: history.At{Timestamp: ts}}, nil
		}}
}

// transfer moves money if there is enough.
func (s *sim) transfer(id string, t check.Transfer, began uint64) (history.Result, error) {
	ts := s.store.now()
	if s.chance(LostUpdate, 0.2) {
		ts = max(1, began)
	}
	from, to := parse(s.get("a/"+t.From, ts)), parse(s.get("a/"+t.To, ts))
	if from < t.Amount || t.From == t.To {
		return history.Result{}, errRefused
	}
	writes := map[string]string{"a/" + t.From: num(from - t.Amount), "a/" + t.To: num(to + t.Amount)}
	if s.chance(HalfCommit, 0.02) {
		delete(writes, "a/"+t.To)
	}
	return s.put(id, writes), nil
}
