package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/codegraphdb/codegraph/node"
)

// The parts of the manifest that have to fit the program.
type (
	manifest struct {
		Kind     string            `yaml:"kind"`
		Metadata metadata          `yaml:"metadata"`
		Data     map[string]string `yaml:"data"`
		Spec     spec              `yaml:"spec"`
	}
	metadata struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	}
	spec struct {
		ClusterIP    string      `yaml:"clusterIP"`
		NotReady     bool        `yaml:"publishNotReadyAddresses"`
		Selector     selector    `yaml:"selector"`
		Ports        []port      `yaml:"ports"`
		Unavailable  int         `yaml:"maxUnavailable"`
		ServiceName  string      `yaml:"serviceName"`
		Replicas     int         `yaml:"replicas"`
		PodPolicy    string      `yaml:"podManagementPolicy"`
		Template     podTemplate `yaml:"template"`
		VolumeClaims []manifest  `yaml:"volumeClaimTemplates"`
	}
	selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
		Direct      map[string]string `yaml:",inline"`
	}
	port struct {
		Name          string `yaml:"name"`
		Port          int    `yaml:"port"`
		TargetPort    string `yaml:"targetPort"`
		ContainerPort int    `yaml:"containerPort"`
		Protocol      string `yaml:"protocol"`
	}
	podTemplate struct {
		Metadata metadata `yaml:"metadata"`
		Spec     struct {
			Grace        int            `yaml:"terminationGracePeriodSeconds"`
			ServiceLinks *bool          `yaml:"enableServiceLinks"`
			Security     map[string]any `yaml:"securityContext"`
			Affinity     map[string]any `yaml:"affinity"`
			Containers   []container    `yaml:"containers"`
			Volumes      []struct {
				Name      string `yaml:"name"`
				ConfigMap struct {
					Name string `yaml:"name"`
				} `yaml:"configMap"`
				Secret struct {
					Name string `yaml:"secretName"`
				} `yaml:"secret"`
			} `yaml:"volumes"`
		} `yaml:"spec"`
	}
	container struct {
		Command   []string `yaml:"command"`
		Args      []string `yaml:"args"`
		Ports     []port   `yaml:"ports"`
		Startup   probe    `yaml:"startupProbe"`
		Liveness  probe    `yaml:"livenessProbe"`
		Readiness probe    `yaml:"readinessProbe"`
		Env       []struct {
			Name string `yaml:"name"`
		} `yaml:"env"`
		Resources struct {
			Requests map[string]string `yaml:"requests"`
			Limits   map[string]string `yaml:"limits"`
		} `yaml:"resources"`
		Security map[string]any `yaml:"securityContext"`
		Mounts   []mount        `yaml:"volumeMounts"`
	}
	mount struct {
		Name     string `yaml:"name"`
		Path     string `yaml:"mountPath"`
		ReadOnly bool   `yaml:"readOnly"`
	}
	probe struct {
		HTTP struct {
			Path string `yaml:"path"`
			Port string `yaml:"port"`
		} `yaml:"httpGet"`
	}
)

// deployment is the manifest, by kind and name.
type deployment struct {
	t       *testing.T
	objects map[string]manifest
	set     manifest
	pod     container
}

func loadDeployment(t *testing.T) *deployment {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "statefulset", "codegraph.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{t: t, objects: map[string]manifest{}}
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var m manifest
		if err := dec.Decode(&m); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		d.objects[m.Kind+"/"+m.Metadata.Name] = m
	}
	d.set = d.get("StatefulSet/codegraph")
	if n := len(d.set.Spec.Template.Spec.Containers); n != 1 {
		t.Fatalf("%d containers", n)
	}
	d.pod = d.set.Spec.Template.Spec.Containers[0]
	return d
}

func (d *deployment) get(name string) manifest {
	d.t.Helper()
	m, ok := d.objects[name]
	if !ok {
		d.t.Fatalf("no %s among %q", name, slices.Sorted(maps.Keys(d.objects)))
	}
	return m
}

// options are what the container's command line and the ConfigMap give, with what Kubernetes fills
// in for the first pod.
func (d *deployment) options() (flags map[string]string, o node.Options) {
	d.t.Helper()
	if len(d.pod.Args) == 0 || d.pod.Args[0] != "start" {
		d.t.Fatalf("args %q", d.pod.Args)
	}
	env := strings.NewReplacer("$(POD_NAME)", "codegraph-0", "$(POD_NAMESPACE)", "default",
		"$(NODE_NAME)", "machine")
	var args []string
	for _, a := range d.pod.Args[1:] {
		args = append(args, env.Replace(a))
	}
	if all := strings.Join(args, " "); strings.Contains(all, "$") {
		d.t.Errorf("nothing fills in %s", all)
	}
	cmd := (&command{}).startCommand()
	if err := cmd.ParseFlags(args); err != nil {
		d.t.Fatal(err)
	}
	flags = given(cmd)
	dir, file := filepath.Split(flags["config"])
	if d.mounted(dir) != "config" {
		d.t.Errorf("no ConfigMap is mounted at %s", dir)
	}
	config := filepath.Join(d.t.TempDir(), file)
	text := d.get("ConfigMap/codegraph").Data[file]
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil || text == "" {
		d.t.Fatalf("%s of the ConfigMap: %q, %v", file, text, err)
	}
	flags["config"] = config
	o, err := node.LoadOptions(flags, func(string) string { return "" })
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return flags, o
}

// mounted returns the volume that holds a directory.
func (d *deployment) mounted(dir string) string {
	for _, m := range d.pod.Mounts {
		if filepath.Clean(dir) == m.Path {
			return m.Name
		}
	}
	return ""
}

// containerPort returns the port of the container that a name stands for.
func (d *deployment) containerPort(name string) int {
	for _, p := range d.pod.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

func TestStatefulSetArguments(t *testing.T) {
	d := loadDeployment(t)
	flags, o := d.options()
	for _, key := range []string{"data-dir", "cluster-name", "listen-client", "listen-peer",
		"listen-gossip", "listen-ops", "advertise-host", "join", "bootstrap-expect", "tls-cert",
		"tls-key", "tls-ca"} {
		if flags[key] == "" {
			t.Errorf("--%s is not among the arguments", key)
		}
	}
	if d.mounted(o.DataDir) != "data" || d.set.Spec.VolumeClaims[0].Metadata.Name != "data" {
		t.Errorf("%s is on no volume that stays", o.DataDir)
	}
	for _, f := range []string{o.TLSCert, o.TLSKey, o.TLSCA} {
		if d.mounted(filepath.Dir(f)) != "tls" {
			t.Errorf("no Secret is mounted for %s", f)
		}
	}
	if o.BootstrapExpect != d.set.Spec.Replicas || len(o.Join) != d.set.Spec.Replicas {
		t.Errorf("%d replicas, %d are expected, join %q", d.set.Spec.Replicas, o.BootstrapExpect,
			o.Join)
	}
	for i, addr := range o.Join {
		want := fmt.Sprintf("codegraph-%d.%s:%d", i, d.set.Spec.ServiceName,
			d.containerPort("gossip"))
		if addr != want {
			t.Errorf("--join has %s, want %s", addr, want)
		}
	}
	if !strings.HasPrefix(o.AdvertiseHost, "codegraph-0."+d.set.Spec.ServiceName+".") {
		t.Errorf("--advertise-host %s is no name of the Service %s", o.AdvertiseHost,
			d.set.Spec.ServiceName)
	}
	limit, err := node.ParseSize(d.pod.Resources.Limits["memory"] + "B")
	if err != nil || limit*3/4 < o.MemoryLimit || o.CacheSize*2 > o.MemoryLimit {
		t.Errorf("memory: container %s, limit %d, cache %d, %v", d.pod.Resources.Limits["memory"],
			o.MemoryLimit, o.CacheSize, err)
	}
}

func TestStatefulSetPorts(t *testing.T) {
	d := loadDeployment(t)
	_, o := d.options()
	for name, addr := range map[string]string{"client": o.ListenClient, "peer": o.ListenPeer,
		"gossip": o.ListenGossip, "gossip-udp": o.ListenGossip, "ops": o.ListenOps} {
		if _, p, _ := net.SplitHostPort(addr); p != strconv.Itoa(d.containerPort(name)) {
			t.Errorf("port %s is %d, the node listens on %s", name, d.containerPort(name), addr)
		}
	}
	peers, client := d.get("Service/"+d.set.Spec.ServiceName).Spec, d.get("Service/codegraph").Spec
	if peers.ClusterIP != "None" || !peers.NotReady || client.ClusterIP == "None" || client.NotReady {
		t.Error("peers need a headless Service with all pods, clients one with those that are ready")
	}
	for service, want := range map[string]struct {
		spec
		ports []string
	}{"peers": {peers, []string{"peer", "gossip", "gossip-udp"}},
		"client": {client, []string{"client"}}} {
		var names []string
		for _, p := range want.Ports {
			names = append(names, p.TargetPort)
			if p.Port != d.containerPort(p.TargetPort) {
				t.Errorf("Service for %s: port %d leads to %d", service, p.Port,
					d.containerPort(p.TargetPort))
			}
			if (p.Protocol == "UDP") != strings.HasSuffix(p.Name, "udp") {
				t.Errorf("Service for %s: %s is %s", service, p.Name, p.Protocol)
			}
		}
		if !slices.Equal(names, want.ports) {
			t.Errorf("Service for %s has ports %q, want %q", service, names, want.ports)
		}
	}
}

func TestStatefulSetPolicies(t *testing.T) {
	d := loadDeployment(t)
	labels := d.set.Spec.Template.Metadata.Labels
	budget := d.get("PodDisruptionBudget/codegraph").Spec
	for what, got := range map[string]map[string]string{
		"StatefulSet":         d.set.Spec.Selector.MatchLabels,
		"PodDisruptionBudget": budget.Selector.MatchLabels,
		"Service for clients": d.get("Service/codegraph").Spec.Selector.Direct,
		"Service for peers":   d.get("Service/" + d.set.Spec.ServiceName).Spec.Selector.Direct,
	} {
		if len(got) == 0 || !maps.Equal(got, labels) {
			t.Errorf("%s selects %v, pods have %v", what, got, labels)
		}
	}
	pod := d.set.Spec.Template.Spec
	if budget.Unavailable != 1 || d.set.Spec.PodPolicy != "Parallel" || len(pod.Affinity) == 0 {
		t.Errorf("budget %d, policy %s, affinity %v", budget.Unavailable, d.set.Spec.PodPolicy,
			pod.Affinity)
	}
	if grace := time.Duration(pod.Grace) * time.Second; grace < 2*stopWithin {
		t.Errorf("%v to stop; the program takes up to %v", grace, stopWithin)
	}
	if pod.ServiceLinks == nil || *pod.ServiceLinks {
		t.Error("Kubernetes would add variables CODEGRAPH_* to the environment")
	}
	if pod.Security["runAsNonRoot"] != true || pod.Security["fsGroup"] == nil ||
		d.pod.Security["readOnlyRootFilesystem"] != true ||
		d.pod.Security["allowPrivilegeEscalation"] != false {
		t.Errorf("security: pod %v, container %v", pod.Security, d.pod.Security)
	}
	for _, v := range pod.Volumes {
		if v.ConfigMap.Name != "" {
			d.get("ConfigMap/" + v.ConfigMap.Name)
		} else if v.Secret.Name == "" {
			t.Errorf("volume %s is neither of a ConfigMap nor of a Secret", v.Name)
		}
	}
}

// The probes ask what a node answers: one that is not part of a cluster lives, but has not started
// up and is not ready.
func TestStatefulSetProbes(t *testing.T) {
	d := loadDeployment(t)
	o, err := node.LoadOptions(map[string]string{"data-dir": t.TempDir(),
		"listen-client": "127.0.0.1:0", "listen-peer": "127.0.0.1:0",
		"listen-gossip": "127.0.0.1:0", "listen-ops": "127.0.0.1:0"},
		func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	n, err := node.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	ops := opsAddress(t, log.text())
	for path, want := range map[string]int{
		d.pod.Liveness.HTTP.Path:  http.StatusOK,
		d.pod.Startup.HTTP.Path:   http.StatusServiceUnavailable,
		d.pod.Readiness.HTTP.Path: http.StatusServiceUnavailable,
		"/metrics":                http.StatusOK,
	} {
		resp, err := http.Get("http://" + ops + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s answers %s, want %d", path, resp.Status, want)
		}
	}
	for _, p := range []probe{d.pod.Liveness, d.pod.Startup, d.pod.Readiness} {
		if p.HTTP.Port != "ops" {
			t.Errorf("%s is asked of port %s", p.HTTP.Path, p.HTTP.Port)
		}
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}

// logBuffer keeps what a node logs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// opsAddress finds the address of the ops port in what a node logs.
func opsAddress(t *testing.T, log string) string {
	t.Helper()
	for sc := bufio.NewScanner(strings.NewReader(log)); sc.Scan(); {
		var line struct{ Ops string }
		if json.Unmarshal(sc.Bytes(), &line) == nil && line.Ops != "" {
			return line.Ops
		}
	}
	t.Fatalf("no ops port in %s", log)
	return ""
}
