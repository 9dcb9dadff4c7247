package cluster

import (
	"crypto/hkdf"
	"crypto/sha256"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/graph"
)

// Defaults of GossipOptions.
const (
	DefaultProbeInterval  = time.Second
	DefaultGossipInterval = 200 * time.Millisecond
	DefaultJoinInterval   = time.Second

	gossipKeyBytes = 32
)

// GossipOptions are the settings of OpenGossip.
type GossipOptions struct {
	// NodeID is the node's uuid. It must be unique; it lives in the data directory.
	NodeID string
	// Meta is what the node tells of itself. Its ClusterName is required.
	Meta Meta
	// Listen is host:port; an empty or unspecified host means every address, port 0 one from
	// the kernel.
	Listen string
	// AdvertiseHost is the address or name by which others reach this node. Empty means the
	// address listened on or, where that is every address, a private address of this machine.
	AdvertiseHost string
	// Join lists host:port of nodes to find the cluster through; names are resolved again at
	// each attempt. The node's own address may be among them.
	Join []string
	// Key encrypts and authenticates gossip: 32 bytes, from DeriveGossipKey. Empty means none.
	Key []byte
	// ProbeInterval is the time between two probes of a node. One that is gone is noticed
	// after some four of them.
	ProbeInterval time.Duration
	// GossipInterval is the time between two messages to random nodes.
	GossipInterval time.Duration
	// JoinInterval is the time between two attempts to join until the first succeeds. After
	// that every tenth is made, so that parts that lost each other meet again.
	JoinInterval time.Duration
	// Logger receives what an operator should know; nil means nobody does.
	Logger *slog.Logger
}

// DeriveGossipKey makes a gossip key from a secret that all nodes share. An empty secret gives no
// key.
func DeriveGossipKey(secret []byte, clusterName string) ([]byte, error) {
	if len(secret) == 0 {
		return nil, nil
	}
	return hkdf.Key(sha256.New, secret, []byte(clusterName), "codegraph gossip 1", gossipKeyBytes)
}

func (o GossipOptions) withDefaults() GossipOptions {
	if o.ProbeInterval <= 0 {
		o.ProbeInterval = DefaultProbeInterval
	}
	if o.GossipInterval <= 0 {
		o.GossipInterval = DefaultGossipInterval
	}
	if o.JoinInterval <= 0 {
		o.JoinInterval = DefaultJoinInterval
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o *GossipOptions) validate() error {
	bad := func(format string, args ...any) error {
		return graph.Errorf(opGossip, graph.KindInvalid, format, args...)
	}
	if err := firstError(checkNodeID(o.NodeID), o.Meta.validate()); err != nil {
		return err
	}
	if len(o.Key) != 0 && len(o.Key) != gossipKeyBytes {
		return bad("the gossip key has %d bytes, not %d", len(o.Key), gossipKeyBytes)
	}
	for _, j := range o.Join {
		if _, _, err := net.SplitHostPort(j); err != nil || strings.Contains(j, "/") {
			return bad("join address %q is not host:port", j)
		}
	}
	if strings.Contains(o.AdvertiseHost, "/") || strings.Contains(o.AdvertiseHost, " ") {
		return bad("advertise host %q is not a host", o.AdvertiseHost)
	}
	_, _, err := o.listen()
	return err
}

// listen splits Listen.
func (o *GossipOptions) listen() (host string, port int, err error) {
	host, p, err := net.SplitHostPort(o.Listen)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, graph.Errorf(opGossip, graph.KindInvalid, "gossip address %q is not host:port",
			o.Listen)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host, port, nil
}
