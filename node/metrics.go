package node

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what the ops port exports. Counters of other packages are read when asked for
// (collect); what only the node sees is counted here.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec // by method and outcome
	writes    prometheus.Histogram
	written   prometheus.Counter
	forwarded prometheus.Counter
	gaps      *prometheus.CounterVec
	visited   prometheus.Counter
}

func newMetrics(n *Node) *metrics {
	buckets := prometheus.ExponentialBuckets(0.0005, 2.5, 13) // 0.5 ms to 30 s
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "codegraph_request_seconds", Buckets: buckets,
			Help: "Requests of the client port, by method and outcome."},
			[]string{"method", "outcome"}),
		writes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "codegraph_ingest_batch_seconds", Buckets: buckets,
			Help: "From the arrival of a batch to its acknowledgement by a quorum."}),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "codegraph_ingest_batch_bytes_total", Help: "Bytes of acknowledged batches."}),
		forwarded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "codegraph_forwarded_writes_total",
			Help: "Batches that another node took from this one, their gateway."}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "codegraph_query_gaps_total",
			Help: "Answers that name a gap, by cause."}, []string{"cause"}),
		visited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "codegraph_query_edges_visited_total", Help: "Edges that queries looked at."}),
	}
	m.registry.MustRegister(m.requests, m.writes, m.written, m.forwarded, m.gaps,
		m.visited, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &nodeCollector{n})
	return m
}

func (m *metrics) observeRequest(method string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = strings.ReplaceAll(errorKind(err), " ", "_")
	}
	if i := strings.LastIndexByte(method, '/'); i >= 0 {
		method = method[i+1:]
	}
	m.requests.WithLabelValues(method, outcome).Observe(took.Seconds())
}

func (m *metrics) observeWrite(took time.Duration, bytes int64, err error) {
	if err != nil {
		return
	}
	m.writes.Observe(took.Seconds())
	m.written.Add(float64(bytes))
}

// nodeCollector reads the figures of a node's parts when Prometheus asks.
type nodeCollector struct{ node *Node }

// figure is one metric that is read on demand.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) figure {
	return figure{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) figure {
	return figure{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

var (
	figReady    = gauge("codegraph_node_ready", "1 if /readyz answers ok.")
	figDiskFree = gauge("codegraph_disk_free_bytes", "Free bytes on the data directory's disk.")
	figDiskFull = gauge("codegraph_disk_full", "1 while writes are refused for lack of space.")
	figNodes    = gauge("codegraph_cluster_nodes", "Registered nodes, by whether gossip sees them.",
		"alive")
	figMetaLead = gauge("codegraph_meta_leader", "1 on the node that leads the meta group.")
	figRepos    = gauge("codegraph_repositories", "Repositories.")
	figImports  = gauge("codegraph_imports_open", "Imports under way.")
	figLeader   = gauge("codegraph_raft_leader", "1 if this replica leads its group.", "shard")
	figTerm     = gauge("codegraph_raft_term", "Current term of the group.", "shard")
	figApplied  = gauge("codegraph_raft_applied_index", "Last applied index.", "shard")
	figLast     = gauge("codegraph_raft_last_index", "Last index in the log.", "shard")
	figFirst    = gauge("codegraph_raft_first_index",
		"First index in the log; what is below is in a snapshot.", "shard")
	figInstall = counter("codegraph_raft_snapshots_installed_total",
		"Snapshots installed from a leader since the start.", "shard")
	figRows      = gauge("codegraph_shard_rows", "Rows, all versions.", "shard")
	figDisk      = gauge("codegraph_shard_disk_bytes", "Bytes of the shard's files.", "shard")
	figReadAmp   = gauge("codegraph_shard_read_amplification", "Read amplification.", "shard")
	figAppends   = counter("codegraph_raftlog_appends_total", "Acknowledged appends, all groups.")
	figEntries   = counter("codegraph_raftlog_entries_total", "Entries appended, all groups.")
	figBytes     = counter("codegraph_raftlog_bytes_total", "Bytes appended, all groups.")
	figSyncs     = counter("codegraph_raftlog_syncs_total", "Durable writes, all groups.")
	figSyncTime  = counter("codegraph_raftlog_sync_seconds_total", "Time in durable writes.")
	figLogBytes  = gauge("codegraph_raftlog_log_bytes", "Bytes between first and last entries.")
	figFrames    = counter("codegraph_peer_frames_sent_total", "Frames sent to peers.", "lane")
	figPeerBytes = counter("codegraph_peer_bytes_sent_total", "Bytes sent to peers.", "lane")
)

// Describe implements prometheus.Collector.
func (c *nodeCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *nodeCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(f figure, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v, labels...)
	}
	n := c.node
	send(figReady, truth(len(n.unready()) == 0))
	send(figDiskFree, float64(n.disk.Free()))
	send(figDiskFull, truth(n.disk.Full()))
	snap := n.meta.state.Snapshot()
	alive := map[bool]int{}
	for _, node := range snap.Nodes() {
		alive[n.alive(node.ID)]++
	}
	send(figNodes, float64(alive[true]), "true")
	send(figNodes, float64(alive[false]), "false")
	send(figMetaLead, truth(n.meta.leading.Term() != 0))
	send(figRepos, float64(len(snap.Repositories())))
	send(figImports, float64(len(snap.Imports())))
	c.collectReplicas(send)
	c.collectLog(send)
}

func (c *nodeCollector) collectReplicas(send func(figure, float64, ...string)) {
	open, _ := c.node.groups.List()
	for _, r := range open {
		id := r.Label()
		stats, m := r.State().Stats(), r.State().Metrics()
		rows := int64(0)
		for _, n := range stats.Rows {
			rows += n
		}
		send(figLeader, truth(r.LeaderTerm() != 0), id)
		send(figTerm, float64(r.Term()), id)
		send(figApplied, float64(stats.Applied), id)
		send(figLast, float64(r.LastIndex()), id)
		if first, err := r.FirstIndex(); err == nil {
			send(figFirst, float64(first), id)
		}
		send(figInstall, float64(r.Installed()), id)
		send(figRows, float64(rows), id)
		send(figDisk, float64(m.DiskBytes), id)
		send(figReadAmp, float64(m.ReadAmp), id)
	}
}

func (c *nodeCollector) collectLog(send func(figure, float64, ...string)) {
	l := c.node.storage.engine.Metrics()
	send(figAppends, float64(l.Appends))
	send(figEntries, float64(l.Entries))
	send(figBytes, float64(l.Bytes))
	send(figSyncs, float64(l.Syncs))
	send(figSyncTime, l.SyncTime.Seconds())
	send(figLogBytes, float64(l.LogBytes))
	t := c.node.trans.Metrics()
	for lane, m := range map[string]uint64{"control": t.Control.FramesSent,
		"log": t.Log.FramesSent, "bulk": t.Bulk.FramesSent} {
		send(figFrames, float64(m), lane)
	}
	for lane, m := range map[string]uint64{"control": t.Control.BytesSent,
		"log": t.Log.BytesSent, "bulk": t.Bulk.BytesSent} {
		send(figPeerBytes, float64(m), lane)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
