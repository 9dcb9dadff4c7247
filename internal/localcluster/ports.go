package localcluster

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/codegraphdb/codegraph/graph"
)

// portsPerNode are client, peer, gossip, ops.
const portsPerNode = 4

// The ports of a node that has an address of its own.
const firstPort = 7600

// chooseAddresses returns what each node listens on.
func chooseAddresses(o *Options) ([]nodeState, error) {
	var nodes []nodeState
	add := func(host string, ports [portsPerNode]int) {
		at := func(i int) string { return net.JoinHostPort(host, strconv.Itoa(ports[i])) }
		nodes = append(nodes, nodeState{Client: at(0), Peer: at(1), Gossip: at(2), Ops: at(3)})
	}
	for _, host := range o.Hosts {
		add(host, [portsPerNode]int{firstPort, firstPort + 1, firstPort + 2, firstPort + 3})
	}
	if len(nodes) > 0 {
		return nodes, nil
	}
	ports, err := choosePorts(o)
	for _, p := range ports {
		add(loopback, p)
	}
	return nodes, err
}

// choosePorts returns the ports of all nodes, four each.
func choosePorts(o *Options) ([][portsPerNode]int, error) {
	out := make([][portsPerNode]int, o.Nodes)
	var held []func()
	defer func() {
		for _, release := range held {
			release()
		}
	}()
	for i := range out {
		for j := range out[i] {
			want := 0
			if o.BasePort > 0 {
				want = o.BasePort + 10*i + j
			}
			port, release, err := hold(want)
			if err != nil {
				return nil, err
			}
			held = append(held, release)
			out[i][j] = port
		}
	}
	return out, nil
}

// hold takes a port for TCP and UDP; 0 takes any.
func hold(want int) (port int, release func(), err error) {
	const attempts = 50
	for range attempts {
		l, err := net.Listen("tcp", loopbackAddr(want))
		if err != nil {
			return 0, nil, taken(want)
		}
		port = l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", loopbackAddr(port))
		if err == nil {
			return port, func() { l.Close(); u.Close() }, nil
		}
		l.Close()
		if want != 0 {
			return 0, nil, taken(want)
		}
	}
	return 0, nil, graph.Errorf("localcluster", graph.KindUnavailable, "there is no free port")
}

const loopback = "127.0.0.1"

func loopbackAddr(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// taken says who has a port.
func taken(port int) error {
	e := graph.Errorf("localcluster", graph.KindConflict, "port %d is taken by %s", port,
		portOwner(port))
	return e.WithRemedy("end that process, or choose others with --base-port")
}

// portOwner names the process that listens on a port of this machine.
func portOwner(port int) string {
	inodes := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		socketInodes("/proc/net/"+table, port, inodes)
	}
	if len(inodes) == 0 {
		return "an unknown process"
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !inodes[target] {
			continue
		}
		pid := strings.Split(link, "/")[2]
		return fmt.Sprintf("process %s (%s)", pid, clipText(commandLine(pid), 120))
	}
	return "a process of another user"
}

func clipText(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// commandLine returns the command of a process, its arguments joined by spaces; empty if there is
// no such process or it has ended.
func commandLine(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
}

// socketInodes adds "socket:[inode]" of every socket of a table that is bound to a port and not
// connected.
func socketInodes(table string, port int, into map[string]bool) {
	const listening, unconnected = "0A", "07"
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for sc := bufio.NewScanner(f); sc.Scan(); {
		c := strings.Fields(sc.Text())
		if len(c) < 10 || !strings.HasSuffix(c[1], suffix) {
			continue
		}
		if c[3] == listening || c[3] == unconnected {
			into["socket:["+c[9]+"]"] = true
		}
	}
}
