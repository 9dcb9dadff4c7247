package node

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// opsHandler serves health, metrics and profiles. The ops port has no TLS: it binds where the
// operator says, loopback by default.
func (n *Node) opsHandler(reg *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	live := healthHandler(func() []string { return nil })
	ready := healthHandler(n.unready)
	mux.Handle("GET /livez", live)
	mux.Handle("GET /health", live)
	mux.Handle("GET /readyz", ready)
	mux.Handle("GET /ready", ready)
	mux.Handle("GET /startupz", healthHandler(n.startupProblems))
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return mux
}

// runHealth lets the health service of the client port say what /readyz says.
func (n *Node) runHealth(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		state := healthv1.HealthCheckResponse_SERVING
		if len(n.unready()) > 0 {
			state = healthv1.HealthCheckResponse_NOT_SERVING
		}
		n.servers.health.SetServingStatus("", state)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// healthHandler answers 200 "ok" if there are no problems, else 503 with one problem a line.
func healthHandler(problems func() []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if p := problems(); len(p) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, strings.Join(p, "\n"))
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

func listen(key, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}
