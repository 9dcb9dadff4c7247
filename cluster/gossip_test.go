package cluster

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/codegraphdb/codegraph/graph"
)

// gossipOptions are those of a test: quick, on loopback, a port from the kernel.
func gossipOptions(id string, join ...*Gossip) GossipOptions {
	o := GossipOptions{NodeID: id, Listen: "127.0.0.1:0",
		Meta:          Meta{ClusterName: "dev", PeerAddr: id + ":7601", Expect: 3},
		ProbeInterval: 100 * time.Millisecond, GossipInterval: 20 * time.Millisecond,
		JoinInterval: 50 * time.Millisecond}
	for _, g := range join {
		o.Join = append(o.Join, g.Addr())
	}
	return o
}

func openGossip(t *testing.T, o GossipOptions) *Gossip {
	t.Helper()
	g, err := OpenGossip(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// eventually waits for a condition, calling it whenever gossip tells of a change and now and then.
func eventually(t *testing.T, g *Gossip, what string, ok func() bool) {
	t.Helper()
	changed := make(chan struct{}, 1)
	defer g.Subscribe(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%s: never; members: %s", what, states(g))
		}
	}
}

// states returns "a=alive b=dead".
func states(g *Gossip) string {
	var out []string
	for _, m := range g.Members() {
		out = append(out, m.ID+"="+m.State.String())
	}
	return strings.Join(out, " ")
}

func sees(g *Gossip, want string) func() bool { return func() bool { return states(g) == want } }

func TestGossipJoinLeaveKillReturn(t *testing.T) {
	key, err := DeriveGossipKey([]byte("secret"), "dev")
	if err != nil {
		t.Fatal(err)
	}
	keyed := func(id string, join ...*Gossip) GossipOptions {
		o := gossipOptions(id, join...)
		o.Key = key
		return o
	}
	a := openGossip(t, keyed("a"))
	b := openGossip(t, keyed("b", a))
	c := openGossip(t, keyed("c", a))
	for _, g := range []*Gossip{a, b, c} {
		eventually(t, g, "all three", sees(g, "a=alive b=alive c=alive"))
	}
	eventually(t, b, "joined", b.Joined)

	meta := b.Meta()
	meta.ClusterID = "X"
	if err := b.UpdateMeta(meta); err != nil {
		t.Fatal(err)
	}
	eventually(t, c, "b's news", func() bool {
		m, ok := c.Member("b")
		return ok && m.Meta.ClusterID == "X" && m.Peer().PeerAddr == "b:7601" && m.Peer().Expect == 3
	})

	if err := b.Leave(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, a, "b's goodbye", sees(a, "a=alive b=left c=alive"))
	if err := c.Close(); err != nil { // without a goodbye, as when it is killed
		t.Fatal(err)
	}
	eventually(t, a, "c's death", sees(a, "a=alive b=left c=dead"))

	// Both come back at other addresses, as after a move.
	back := openGossip(t, keyed("c", a))
	openGossip(t, keyed("b", a))
	eventually(t, a, "the return", sees(a, "a=alive b=alive c=alive"))
	if m, _ := a.Member("c"); m.Addr != back.Addr() {
		t.Fatalf("c is at %s, a says %s", back.Addr(), m.Addr)
	}
}

// TestGossipStrangers: other clusters, other names and other keys never become members.
func TestGossipStrangers(t *testing.T) {
	with := func(id string, change func(*GossipOptions), join ...*Gossip) *Gossip {
		o := gossipOptions(id, join...)
		change(&o)
		return openGossip(t, o)
	}
	x := func(o *GossipOptions) { o.Meta.ClusterID = "X" }
	a := with("a", x)
	with("name", func(o *GossipOptions) { o.Meta.ClusterName = "prod" }, a)
	with("cluster", func(o *GossipOptions) { o.Meta.ClusterID = "Y" }, a)
	with("key", func(o *GossipOptions) { o.Key = make([]byte, gossipKeyBytes) }, a)
	b := with("b", x, a)
	young := with("young", func(*GossipOptions) {}, a) // belongs to no cluster yet
	eventually(t, a, "the right ones", sees(a, "a=alive b=alive young=alive"))
	eventually(t, b, "the right ones", sees(b, "a=alive b=alive young=alive"))
	eventually(t, young, "the right ones", sees(young, "a=alive b=alive young=alive"))
	for range 10 { // the strangers keep trying
		time.Sleep(20 * time.Millisecond)
		if got := states(a); got != "a=alive b=alive young=alive" {
			t.Fatal(got)
		}
	}
}

// TestGossipFindsLateSeeds: the node to join comes up later, its name is resolved then.
func TestGossipFindsLateSeeds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o := gossipOptions("b")
	o.Join = []string{"nowhere.invalid:1", "localhost:" + port}
	b := openGossip(t, o)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o = gossipOptions("a")
	o.Listen = "127.0.0.1:" + port
	a := openGossip(t, o)
	eventually(t, a, "b", sees(a, "a=alive b=alive"))
	eventually(t, b, "joined", b.Joined)
}

func TestGossipAdvertises(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		o := gossipOptions("a")
		o.Listen, o.AdvertiseHost = ":0", host
		a := openGossip(t, o)
		got, port, err := net.SplitHostPort(a.Addr())
		if err != nil || got != "127.0.0.1" || port == "0" {
			t.Fatalf("%s: advertises %s (%v)", host, a.Addr(), err)
		}
	}
}

func TestGossipRefuses(t *testing.T) {
	a := openGossip(t, gossipOptions("a"))
	for name, change := range map[string]func(*GossipOptions){
		"port taken": func(o *GossipOptions) { o.Listen = a.Addr() },
		"no port":    func(o *GossipOptions) { o.Listen = "127.0.0.1" },
		"no id":      func(o *GossipOptions) { o.NodeID = "" },
		"no name":    func(o *GossipOptions) { o.Meta.ClusterName = "" },
		"short key":  func(o *GossipOptions) { o.Key = []byte("short") },
		"join":       func(o *GossipOptions) { o.Join = []string{"localhost"} },
		"join name":  func(o *GossipOptions) { o.Join = []string{"x/localhost:1"} },
		"advertise":  func(o *GossipOptions) { o.AdvertiseHost = "a/b" },
		"big meta": func(o *GossipOptions) {
			o.Meta.PeerAddr = strings.Repeat("x", 290)
			o.Meta.OpsAddr = o.Meta.PeerAddr
		},
		"huge meta":   func(o *GossipOptions) { o.Meta.PeerAddr = strings.Repeat("x", 5000) },
		"bad expect":  func(o *GossipOptions) { o.Meta.Expect = -1 },
		"escape code": func(o *GossipOptions) { o.Meta.Version = "\x1b[2J" },
	} {
		o := gossipOptions("b")
		change(&o)
		if g, err := OpenGossip(o); err == nil {
			_ = g.Close()
			t.Errorf("%s: opened", name)
		}
	}
	meta := a.Meta()
	meta.ClusterName = "prod"
	if err := a.UpdateMeta(meta); !graph.IsKind(err, graph.KindInvalid) {
		t.Errorf("another name: %v", err)
	}
}

func TestGossipAfterClose(t *testing.T) {
	a := openGossip(t, gossipOptions("a"))
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.UpdateMeta(a.Meta()); !graph.IsKind(err, graph.KindUnavailable) {
		t.Error(err)
	}
	if err := a.Leave(time.Second); err != nil {
		t.Error(err)
	}
	if a.Members() == nil || a.Addr() == "" {
		t.Error("what was known is gone")
	}
}

// TestHostileMeta gives the delegate what a stranger could send.
func TestHostileMeta(t *testing.T) {
	a := openGossip(t, gossipOptions("a"))
	d := (*delegate)(a)
	meta := gossipOptions("b").Meta
	good, err := meta.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.NotifyAlive(&memberlist.Node{Name: "b", Meta: good}); err != nil {
		t.Fatal(err)
	}
	for _, meta := range []string{"", "{", "null", "[]", `{"f":1}`, `{"f":0,"n":"dev"}`, `{"n":"dev"}`,
		`{"f":1,"n":"dev","e":-5}`, `{"f":1,"n":"dev","p":"\u001b"}`, `{"f":1,"n":"prod"}`,
		`{"f":1,"n":"dev","p":7}`, strings.Repeat("[", 512), strings.Repeat(" ", 600)} {
		if err := d.NotifyAlive(&memberlist.Node{Name: "b", Meta: []byte(meta)}); err == nil {
			t.Errorf("%q was accepted", meta)
		}
		d.NotifyJoin(&memberlist.Node{Name: "evil", Meta: []byte(meta)})
	}
	// A newer version may say more.
	if err := d.NotifyAlive(&memberlist.Node{Name: "b",
		Meta: []byte(`{"f":2,"n":"dev","zz":{"y":1}}`)}); err != nil {
		t.Error(err)
	}
	for _, g := range a.Members() {
		if g.ID == "evil" && g.Meta.ClusterName != "dev" {
			t.Errorf("a stranger is a member: %+v", g)
		}
	}
}

// TestHostileDatagrams sends rubbish to the port of a node that goes on working.
func TestHostileDatagrams(t *testing.T) {
	a := openGossip(t, gossipOptions("a"))
	for _, network := range []string{"udp", "tcp"} {
		for i := range 20 {
			c, err := net.Dial(network, a.Addr())
			if err != nil {
				t.Fatal(err)
			}
			b := bytes.Repeat([]byte{byte(i)}, 40*i+1)
			if i%2 == 1 { // with the right label
				label := "codegraph/dev"
				b = append(append([]byte{244, byte(len(label))}, label...), b...)
			}
			if _, err := c.Write(b); err != nil {
				t.Log(err)
			}
			_ = c.Close()
		}
	}
	b := openGossip(t, gossipOptions("b", a))
	eventually(t, b, "both", sees(b, "a=alive b=alive"))
	eventually(t, a, "both", sees(a, "a=alive b=alive"))
}

func TestDeriveGossipKey(t *testing.T) {
	a, err := DeriveGossipKey([]byte("s"), "x")
	b, err2 := DeriveGossipKey([]byte("s"), "y")
	if err != nil || err2 != nil || len(a) != gossipKeyBytes || bytes.Equal(a, b) {
		t.Fatal(a, b, err, err2)
	}
	if k, err := DeriveGossipKey(nil, "x"); k != nil || err != nil {
		t.Fatal(k, err)
	}
}

func TestLogBridge(t *testing.T) {
	var out bytes.Buffer
	logger := newBridgedLogger(slog.New(slog.NewTextHandler(&out,
		&slog.HandlerOptions{Level: slog.LevelDebug})))
	logger.Printf("[ERR] memberlist: no %s", "way")
	logger.Printf("[WARN] memberlist: hm")
	logger.Printf("odd")
	for i, want := range []string{`level=WARN msg=gossip detail="no way"`,
		`level=DEBUG msg=gossip detail=hm`, `level=DEBUG msg=gossip detail=odd`} {
		lines := strings.Split(out.String(), "\n")
		if !strings.HasSuffix(lines[i], want) {
			t.Errorf("%s, want %s", lines[i], want)
		}
	}
}
