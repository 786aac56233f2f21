package proxy

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	f := NewFleet(slog.New(slog.DiscardHandler))
	defer f.Close()
	must(t, f.Configure(map[string]Options{"db": DefaultOptions("127.0.0.1:0")}))
	a := answering(t, "a").backend()
	older := a
	a.Epoch = 1
	f.Set("db", Table{Routes: plain(older)})
	c := call(t, f.proxies["db"].Addrs()[0])
	c.says(t, "a")
	f.Set("db", Table{Routes: map[string][]Backend{"": {a}, "other": {a}}})
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(NewCollector(f))
	err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP holdfast_proxy_backend_connections Connections to a backend.
# TYPE holdfast_proxy_backend_connections gauge
holdfast_proxy_backend_connections{backend="a",proxy="db",state="draining"} 1
holdfast_proxy_backend_connections{backend="a",proxy="db",state="offered"} 0
# HELP holdfast_proxy_connections Clients that are connected.
# TYPE holdfast_proxy_connections gauge
holdfast_proxy_connections{proxy="db"} 1
`), "holdfast_proxy_connections", "holdfast_proxy_backend_connections")
	if err != nil {
		t.Error(err)
	}
}
