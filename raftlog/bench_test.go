package raftlog

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// BenchmarkAppend appends 1 KiB entries, one a call, from one writer per group, with real fsync,
// to the shared log and to raft-boltdb with a file per group. Compare the two within one run:
//
//	go test -run '^$' -bench Append ./raftlog
func BenchmarkAppend(b *testing.B) {
	for _, groups := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("shared/groups=%d", groups), func(b *testing.B) {
			e, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			stores := make([]raft.LogStore, groups)
			for i := range stores {
				stores[i] = e.Group(uint64(i))
			}
			appendAll(b, stores)
		})
		b.Run(fmt.Sprintf("boltdb/groups=%d", groups), func(b *testing.B) {
			dir := b.TempDir()
			stores := make([]raft.LogStore, groups)
			for i := range stores {
				s, err := raftboltdb.NewBoltStore(filepath.Join(dir, fmt.Sprint(i)))
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				stores[i] = s
			}
			appendAll(b, stores)
		})
	}
}

// appendAll shares b.N appends between the stores.
func appendAll(b *testing.B, stores []raft.LogStore) {
	data := make([]byte, 1024)
	b.SetBytes(int64(len(data)))
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, s := range stores {
		n := b.N / len(stores)
		if i < b.N%len(stores) {
			n++
		}
		wg.Go(func() {
			for index := 1; index <= n; index++ {
				l := &raft.Log{Index: uint64(index), Term: 1, Data: data}
				if err := s.StoreLog(l); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
