//go:build linux && !chaosroot

package rig

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func TestDroppedFrom(t *testing.T) {
	table := `Chain INPUT (policy ACCEPT 9 packets, 99 bytes)
    pkts      bytes target     prot opt in     out     source               destination
      17     1020 DROP       0    --  *      *       10.77.0.11           0.0.0.0/0
       0        0 DROP       0    --  *      *       10.77.0.12           0.0.0.0/0
      23     1020 ACCEPT     0    --  *      *       10.77.0.13           0.0.0.0/0
`
	for source, want := range map[string]int64{"10.77.0.11": 17, "10.77.0.12": 0, "10.77.0.13": 0,
		"10.77.0.1": 0} {
		if got := droppedFrom(table, source); got != want {
			t.Errorf("%s: %d packets, want %d", source, got, want)
		}
	}
}

// TestFlip wants bytes to change, the size not, and the same seed to change the same ones.
func TestFlip(t *testing.T) {
	before := append(bytes.Repeat([]byte{7}, 4096), make([]byte, 4096)...)
	var after [2][]byte
	for i := range after {
		path := filepath.Join(t.TempDir(), "000001.log")
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := flip(path, rand.New(rand.NewPCG(1, 2)))
		if err != nil || n != 16 {
			t.Errorf("%d flipped, %v", n, err)
		}
		if after[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(before, after[0]) || len(before) != len(after[0]) {
		t.Error("nothing was flipped, or the size changed")
	}
	if !bytes.Equal(after[0], after[1]) {
		t.Error("one seed flips other bytes the second time")
	}
	if !bytes.Equal(after[0][4096:], before[4096:]) {
		t.Error("bytes that were only reserved were flipped")
	}
}
