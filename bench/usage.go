package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	clockTick   = 100 // per second; USER_HZ is this on every Linux that Go runs on
	sampleEvery = 100 * time.Millisecond
)

// cpuSeconds is the user and system time of a process so far.
func cpuSeconds(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	text := string(b)
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(f))
	}
	user, err1 := strconv.ParseFloat(f[11], 64)
	system, err2 := strconv.ParseFloat(f[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %s %s", pid, f[11], f[12])
	}
	return (user + system) / clockTick, nil
}

// machineSeconds is the time that all processors of the machine were busy so far.
func machineSeconds() (float64, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 8 || f[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var sum float64
	for _, i := range []int{1, 2, 3, 6, 7} { // user, nice, system, irq, softirq
		n, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum / clockTick, nil
}

// resident reads a process's memory in bytes: VmRSS now, or VmHWM, its peak.
func resident(pid int, field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == field+":" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, field)
}

// overLimit returns the most memory that one of the processes has had, and an error if that is over
// a limit.
func overLimit(limit int64, pids ...int) (peak int64, err error) {
	for _, pid := range pids {
		n, err := resident(pid, "VmHWM")
		if err != nil {
			return peak, err
		}
		peak = max(peak, n)
	}
	if peak > limit {
		return peak, fmt.Errorf("a node had %d MiB of memory, its limit is %d MiB", peak>>20, limit>>20)
	}
	return peak, nil
}

// sampler watches the memory of all processes together: the peak of the sum.
type sampler struct {
	pids []int
	stop chan struct{}
	done sync.WaitGroup
	peak int64
}

func watchMemory(pids ...int) *sampler {
	s := &sampler{pids: pids, stop: make(chan struct{})}
	s.done.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			var sum int64
			for _, pid := range s.pids {
				n, err := resident(pid, "VmRSS")
				if err == nil { // the client may have ended
					sum += n
				}
			}
			s.peak = max(s.peak, sum)
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
		}
	})
	return s
}

// end returns the largest sum that was seen.
func (s *sampler) end() int64 {
	close(s.stop)
	s.done.Wait()
	return s.peak
}

// diskUsage is what the files below a directory take.
func diskUsage(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum += info.Size()
		return nil
	})
	return sum, err
}
