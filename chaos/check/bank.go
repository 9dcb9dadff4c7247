package check

import (
	"maps"
	"slices"

	"github.com/codegraphdb/codegraph/chaos/history"
)

// BankTotal is W3: money moves between accounts of different shards, and every read of all
// accounts sums to the same total. It names the first read that does not, and how often it
// changes from right to wrong, which tells a transient skew from a permanent loss.
func BankTotal() Checker { return fold{"bank", checkBank} }

func checkBank(f *finding, h *history.History, cfg Config) {
	reads := oked(h.Of(BankRead))
	if len(reads) > 0 && len(cfg.Bank.Accounts) == 0 {
		f.unsure("the configuration names no accounts")
		return
	}
	flips, wasRight := 0, true
	for _, r := range reads {
		balances, ok := output[map[string]*int64](f, r)
		if !ok {
			continue
		}
		f.Checked++
		before := f.Count
		checkBalances(f, r, balances, cfg.Bank)
		if right := f.Count == before; right != wasRight {
			wasRight = right
			flips++
		}
	}
	f.figure("flips", float64(flips))
}

// checkBalances holds one read to the bank's rules.
func checkBalances(f *finding, r *history.Op, balances map[string]*int64, bank Bank) {
	var total int64
	complete := true
	for _, account := range bank.Accounts {
		balance, there := balances[account]
		switch {
		case !there:
			f.wrong(ops(r), "account %s is missing", account)
			complete = false
		case balance == nil:
			f.wrong(ops(r), "account %s has no balance", account)
			complete = false
		case *balance < 0 && !bank.Negative:
			f.wrong(ops(r), "account %s has %d", account, *balance)
		}
		if balance != nil {
			total += *balance
		}
	}
	for _, account := range slices.Sorted(maps.Keys(balances)) {
		if !slices.Contains(bank.Accounts, account) {
			f.wrong(ops(r), "there is no account %s", account)
			complete = false
		}
	}
	if complete && total != bank.Total {
		f.wrong(ops(r), "the total is %d, not %d", total, bank.Total)
	}
}
