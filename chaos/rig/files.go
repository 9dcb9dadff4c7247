//go:build linux

package rig

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Rot is a file with flipped bytes.
type Rot struct {
	File  string // relative to the data directory
	Bytes int64  // how many were flipped
}

// backup is where the data of node i is kept while it rots.
func (r *Rig) backup(i int) string { return filepath.Join(r.opts.Work, fmt.Sprintf("rot-%d", i+1)) }

// FlipBytes flips bytes in one file of a dead node whose path holds one of the given texts, after
// it has kept a copy of everything.
func (r *Rig) FlipBytes(i int, rng *rand.Rand, kinds []string) (Rot, error) {
	dir := r.DataDir(i)
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(dir, path) // it lies below
		wanted := slices.ContainsFunc(kinds, func(k string) bool { return strings.Contains(name, k) })
		if info, err := d.Info(); err == nil && wanted && info.Size() > 0 {
			files = append(files, name)
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		return Rot{}, errors.Join(err, fmt.Errorf("rig: %s has no file like %v", dir, kinds))
	}
	if err := os.RemoveAll(r.backup(i)); err != nil {
		return Rot{}, err
	}
	if err := exec.Command("cp", "-a", dir, r.backup(i)).Run(); err != nil {
		return Rot{}, fmt.Errorf("rig: copy of %s: %w", dir, err)
	}
	slices.Sort(files)
	rot := Rot{File: files[rng.IntN(len(files))]}
	rot.Bytes, err = flip(filepath.Join(dir, rot.File), rng)
	return rot, err
}

// flip turns one bit over in one of every 256 bytes of a file, at least once.
func flip(path string, rng *rand.Rand) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	used := len(text)
	for used > 1 && text[used-1] == 0 { // what was only reserved
		used--
	}
	flipped := max(1, used/256)
	for range flipped {
		text[rng.IntN(used)] ^= 1 << rng.IntN(8)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	_, err = f.WriteAt(text, 0)
	return int64(flipped), errors.Join(err, f.Sync(), f.Close())
}

// Unrot gives a dead node that never served with the flipped bytes its old data back: it has then
// been away, no more.
func (r *Rig) Unrot(i int) error {
	entries, err := os.ReadDir(r.DataDir(i))
	if err != nil {
		return err
	}
	for _, e := range entries { // the directory itself may be a mount
		if e.Name() == "lost+found" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.DataDir(i), e.Name())); err != nil {
			return err
		}
	}
	return exec.Command("cp", "-a", r.backup(i)+"/.", r.DataDir(i)).Run()
}
