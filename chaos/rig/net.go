//go:build linux

package rig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The network of a rig; nobody outside of its namespace sees it.
const (
	bridge     = "br0"
	clientAddr = "10.77.0.1"
	mask       = "/24"
)

// hostOf is the address of node i.
func hostOf(i int) string { return "10.77.0." + strconv.Itoa(11+i) }

// network is the bridge and the namespaces of the nodes.
type network struct {
	nodes []*os.File // namespaces
	cuts  map[Link]bool
}

// Link is one direction between two nodes, counted from 0.
type Link struct{ From, To int }

// newNetwork makes the bridge in the namespace of this process and a namespace for each node.
func newNetwork(nodes int) (*network, error) {
	n := &network{cuts: map[Link]bool{}}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", bridge, "type", "bridge"},
		{"link", "set", bridge, "up"},
		{"addr", "add", clientAddr + mask, "dev", bridge},
	} {
		if err := runTool(nil, "ip", args...); err != nil {
			return nil, err
		}
	}
	for i := range nodes {
		if err := n.addNode(i); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// close takes the network down; the kernel does the same at the end of the process.
func (n *network) close() error {
	errs := []error{runTool(nil, "ip", "link", "del", bridge)}
	for i, ns := range n.nodes {
		errs = append(errs, runTool(nil, "ip", "link", "del", "v"+strconv.Itoa(i+1)), ns.Close())
	}
	return errors.Join(errs...)
}

// addNode makes the namespace of node i and its line to the bridge.
func (n *network) addNode(i int) error {
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	n.nodes = append(n.nodes, ns)
	near, far := "v"+strconv.Itoa(i+1), "p"+strconv.Itoa(i+1)
	for _, args := range [][]string{
		{"link", "add", near, "type", "veth", "peer", "name", far},
		{"link", "set", near, "master", bridge, "up"},
		{"link", "set", far, "netns", "/proc/self/fd/3"},
	} {
		if err := runTool([]*os.File{ns}, "ip", args...); err != nil {
			return err
		}
	}
	return n.inside(i, func() error {
		for _, args := range [][]string{
			{"link", "set", "lo", "up"},
			{"link", "set", far, "name", "eth0"},
			{"addr", "add", hostOf(i) + mask, "dev", "eth0"},
			{"link", "set", "eth0", "up"},
		} {
			if err := runTool(nil, "ip", args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// newNamespace makes a network namespace that lives as long as the file is open.
func newNamespace() (*os.File, error) {
	type made struct {
		file *os.File
		err  error
	}
	out := make(chan made)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			out <- made{nil, fmt.Errorf("rig: network namespace: %w", err)}
			return
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		out <- made{f, err}
	}()
	m := <-out
	return m.file, m.err
}

// inside calls f in the namespace of node i. Processes and sockets that f makes, without other
// goroutines, belong to it.
func (n *network) inside(i int, f func() error) error {
	out := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(n.nodes[i].Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		out <- err
	}()
	return <-out
}

// runTool runs a program; what it says is in the error.
func runTool(files []*os.File, name string, args ...string) error {
	_, err := toolOutput(files, name, args...)
	return err
}

func toolOutput(files []*os.File, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.ExtraFiles = files
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rig: %s %s: %w: %s", name, strings.Join(args, " "), err,
			strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

// Cut drops everything that one node sends to another. It reports whether that was not so already.
func (r *Rig) Cut(l Link) (bool, error) {
	if r.net.cuts[l] {
		return false, nil
	}
	r.net.cuts[l] = true
	return true, r.net.inside(l.To, func() error {
		return runTool(nil, "iptables", "-A", "INPUT", "-s", hostOf(l.From), "-j", "DROP")
	})
}

// Join ends a cut and returns how many packets it dropped (RG3).
func (r *Rig) Join(l Link) (dropped int64, err error) {
	if !r.net.cuts[l] {
		return 0, nil
	}
	delete(r.net.cuts, l)
	err = r.net.inside(l.To, func() error {
		text, err := toolOutput(nil, "iptables", "-nvxL", "INPUT")
		if err != nil {
			return err
		}
		dropped = droppedFrom(text, hostOf(l.From))
		return runTool(nil, "iptables", "-D", "INPUT", "-s", hostOf(l.From), "-j", "DROP")
	})
	return dropped, err
}

// droppedFrom reads the packets that the rule against a source has dropped.
func droppedFrom(table, source string) int64 {
	for line := range strings.Lines(table) {
		c := strings.Fields(line)
		if len(c) >= 9 && c[2] == "DROP" && c[7] == source {
			n, _ := strconv.ParseInt(c[0], 10, 64) // a rule that cannot be read had no effect
			return n
		}
	}
	return 0
}

// reachWithin is how long a connection that ought to be dropped is waited for.
const reachWithin = 500 * time.Millisecond

// Reaches says whether node from can open a connection to the peer port of node to.
func (r *Rig) Reaches(l Link) bool {
	err := r.net.inside(l.From, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		tv := unix.NsecToTimeval(reachWithin.Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv); err != nil {
			return err
		}
		var addr unix.SockaddrInet4
		addr.Port = peerPort
		copy(addr.Addr[:], net.ParseIP(hostOf(l.To)).To4())
		return unix.Connect(fd, &addr)
	})
	return err == nil
}

const peerPort = 7601
