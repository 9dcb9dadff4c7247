package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/codegraphdb/codegraph/internal/localcluster"
)

func sh(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v %s", args, err, out)
	}
}

func TestStall(t *testing.T) {
	ctx := context.Background()
	bin, _ := filepath.Abs(os.Getenv("BIN"))
	dir := t.TempDir()
	local, err := localcluster.New(filepath.Join(dir, "cluster"), localcluster.Options{Nodes: 3, Name: "bench", Insecure: true, Binary: bin + "/codegraphd"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		img := filepath.Join(dir, fmt.Sprintf("img%d", i))
		sh(t, "truncate", "-s", "3G", img)
		sh(t, "mkfs.ext4", "-q", img)
		os.MkdirAll(local.DataDir(i), 0o755)
		sh(t, "mount", "-o", "loop", img, local.DataDir(i))
		os.RemoveAll(filepath.Join(local.DataDir(i), "lost+found"))
		defer exec.Command("umount", "-l", local.DataDir(i)).Run()
	}
	c := &cluster{local: local, dir: dir, cgctl: bin + "/cgctl", flags: []string{"--address", local.Addresses()[0] + "," + local.Addresses()[1] + "," + local.Addresses()[2]}}
	if err := local.Start(); err != nil {
		t.Fatal(err)
	}
	defer local.Stop()
	if err := local.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	p, err := newProber(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	for k := range 2 {
		led, err := p.leads(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		sh(t, "fsfreeze", "-f", local.DataDir(k))
		began := time.Now()
		type res struct {
			d   time.Duration
			err error
		}
		ch := make(chan res, len(led))
		for shard, epoch := range led {
			go func() {
				for ctx := ctx; ; {
					// also ask the stalled one, as clients do
					go p.writeOnce(ctx, k, shard, epoch)
					at, err := p.write(ctx, k, shard, epoch)
					ch <- res{at.Sub(began), err}
					return
				}
			}()
		}
		var worst time.Duration
		errs := []error{}
		for range led {
			r := <-ch
			worst = max(worst, r.d)
			errs = append(errs, r.err)
		}
		fmt.Printf("STALL node %d led %d: worst %v %v\n", k, len(led), worst, errors.Join(errs...))
		sh(t, "fsfreeze", "-u", local.DataDir(k))
		for end := time.Now().Add(20 * time.Second); local.PID(k) != 0 && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
		}
		fmt.Println("pid after thaw", local.PID(k))
		if local.PID(k) == 0 {
			if err := local.StartNode(k); err != nil {
				t.Fatal(err)
			}
		}
		if err := local.WaitNodeReady(ctx, k); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
	}
}
