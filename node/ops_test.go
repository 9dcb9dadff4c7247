package node

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	adminv1 "github.com/codegraphdb/codegraph/api/codegraph/admin/v1"
)

// get asks the ops port.
func get(t *testing.T, n *testNode, path string) (code int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + n.servers.opsL.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func testHealth(t *testing.T, n *testNode) {
	for _, path := range []string{"/livez", "/health", "/readyz", "/ready", "/startupz"} {
		if code, body := get(t, n, path); code != http.StatusOK || body != "ok\n" {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
	if code, _ := get(t, n, "/debug/pprof/goroutine?debug=1"); code != http.StatusOK {
		t.Errorf("pprof: %d", code)
	}
	if code, _ := get(t, n, "/nothing"); code != http.StatusNotFound {
		t.Errorf("/nothing: %d", code)
	}
	t.Setenv(diskFloorName, "1048576TiB")
	n.disk.Poll()
	for _, path := range []string{"/readyz", "/livez"} {
		if code, body := get(t, n, path); code != http.StatusOK {
			t.Errorf("a full disk ends no reads: %s %d %q", path, code, body)
		}
	}
	st, err := n.admin().Status(call(t), &adminv1.StatusRequest{})
	if err != nil || len(st.GetProblems()) != 1 || !strings.Contains(st.GetProblems()[0], "MiB free") {
		t.Errorf("a full disk is told: %v, %v", st, err)
	}
	t.Setenv(diskFloorName, "0")
	n.disk.Poll()
	eventually(t, "gRPC health", func() error {
		return servingIs(n, grpc_health_v1.HealthCheckResponse_SERVING)
	})
	st, err = n.admin().Status(call(t), &adminv1.StatusRequest{})
	if err != nil || !st.GetReady() || st.GetNodes() != 1 || st.GetNodesAlive() != 1 ||
		st.GetShards() != defaultShards || st.GetShardsWithLeader() != defaultShards ||
		st.GetMetaLeader() != n.id() {
		t.Errorf("status: %v, %v", st, err)
	}
}

// A node that is alone where three are expected has not started up, and says what it waits for.
func TestHealthBeforeFounding(t *testing.T) {
	t.Parallel()
	o := testOptions(t, "alone")
	o.BootstrapExpect = 3
	n := launch(t, o)
	if code, body := get(t, n, "/livez"); code != http.StatusOK {
		t.Errorf("/livez: %d %q", code, body)
	}
	eventually(t, "the node says what it waits for", func() error {
		return says(n, "/startupz", "1 of the 3")
	})
	if err := says(n, "/readyz", "1 of the 3"); err != nil {
		t.Error(err)
	}
	if err := visible(n, "p.A"); err == nil || !strings.Contains(err.Error(), "1 of the 3") {
		t.Errorf("a question: %v", err)
	}
	if st, err := n.admin().Status(call(t), &adminv1.StatusRequest{}); err != nil || st.GetReady() {
		t.Errorf("status: %v, %v", st, err)
	}
	if err := servingIs(n, grpc_health_v1.HealthCheckResponse_NOT_SERVING); err != nil {
		t.Error(err)
	}
	if code, _ := get(t, n, "/metrics"); code != http.StatusOK {
		t.Errorf("/metrics: %d", code)
	}
}

func testMetrics(t *testing.T, n *testNode) {
	code, body := get(t, n, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %q", code, body)
	}
	for _, want := range strings.Fields(`codegraph_request_seconds_bucket
		codegraph_ingest_batch_seconds_count codegraph_ingest_batch_bytes_total
		codegraph_forwarded_writes_total
		codegraph_query_edges_visited_total codegraph_node_ready codegraph_disk_free_bytes
		codegraph_disk_full codegraph_cluster_nodes codegraph_meta_leader codegraph_repositories
		codegraph_imports_open codegraph_raft_leader codegraph_raft_term
		codegraph_raft_applied_index codegraph_raft_last_index
		codegraph_raft_snapshots_installed_total codegraph_shard_rows codegraph_shard_disk_bytes
		codegraph_shard_read_amplification codegraph_raftlog_appends_total
		codegraph_raftlog_entries_total codegraph_raftlog_bytes_total
		codegraph_raftlog_syncs_total codegraph_raftlog_sync_seconds_total
		codegraph_raftlog_log_bytes codegraph_peer_frames_sent_total
		codegraph_peer_bytes_sent_total go_goroutines process_resident_memory_bytes`) {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, line := range []string{"codegraph_node_ready 1", "codegraph_meta_leader 1",
		`codegraph_cluster_nodes{alive="true"} 1`, `codegraph_raft_leader{shard="1"} 1`,
		`method="Callers",outcome="ok"`, `method="GetSymbol",outcome="not_found"`} {
		if !strings.Contains(body, line) {
			t.Errorf("%q is missing", line)
		}
	}
}

func testReflection(t *testing.T, n *testNode) {
	stream, err := reflectionv1.NewServerReflectionClient(n.conn).ServerReflectionInfo(call(t))
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range resp.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	all := strings.Join(names, " ")
	for _, want := range []string{"codegraph.query.v1.QueryService",
		"codegraph.ingest.v1.IngestService", "codegraph.admin.v1.AdminService",
		"grpc.health.v1.Health"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is not among %s", want, all)
		}
	}
	if strings.Contains(all, "peer") {
		t.Errorf("services of peers at the client port: %s", all)
	}
}

// Whatever else comes to the client and peer ports ends that connection and nothing more.
func testStrangers(t *testing.T, n *testNode) {
	for _, addr := range []string{n.servers.clientL.Addr().String(),
		n.servers.peerL.Addr().String()} {
		client := http.Client{Timeout: 10 * time.Second}
		resp, err := client.Get("http://" + addr + "/livez")
		if err == nil {
			resp.Body.Close()
			t.Errorf("HTTP/1.1 at a gRPC port: %s", resp.Status)
		}
		for _, text := range []string{"", "\x00\x01\x02\x03", strings.Repeat("x", 100_000),
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, text) // the other side may have hung up already
			conn.Close()
		}
	}
	if err := visible(n, "p.A"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// says wants a problem from a health path.
func says(n *testNode, path, what string) error {
	code, body := get(n.t, n, path)
	if code != http.StatusServiceUnavailable || !strings.Contains(body, what) {
		return fmt.Errorf("%s: %d %q", path, code, body)
	}
	return nil
}

// servingIs wants an answer from the health service of the client port.
func servingIs(n *testNode, want grpc_health_v1.HealthCheckResponse_ServingStatus) error {
	resp, err := grpc_health_v1.NewHealthClient(n.conn).Check(call(n.t),
		&grpc_health_v1.HealthCheckRequest{})
	if err == nil && resp.GetStatus() != want {
		err = fmt.Errorf("%v, want %v", resp.GetStatus(), want)
	}
	return err
}
