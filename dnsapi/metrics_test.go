package dnsapi

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"holdfast/cluster"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	w := newWorld(t, &cluster.Register{Node: cluster.Node{Name: "n1", Address: "10.0.0.1", Datacenter: "dc1"}})
	w.Metrics = NewMetrics(reg)
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	for _, ask := range []string{"n1.node.consul. A", "n1.node.consul. AAAA", "none.node.consul. A", "example.org. A", "1.0.0.10.in-addr.arpa. PTR"} {
		req, udp := asked(t, ask)
		w.reply(t, h, req, udp)
	}
	w.register(t, runs(at("n2", "10.0.0.2"), "web", 80))
	p, q := newPackets(h, nil), new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA)
	if wire, err := q.Pack(); err != nil || p.quick(wire) == nil {
		t.Fatal("no answer from a template")
	}
	want := `# HELP holdfast_dns_answers_total Answers by their code.
# TYPE holdfast_dns_answers_total counter
holdfast_dns_answers_total{rcode="FORMERR"} 0
holdfast_dns_answers_total{rcode="NOERROR"} 4
holdfast_dns_answers_total{rcode="NOTIMP"} 0
holdfast_dns_answers_total{rcode="NXDOMAIN"} 1
holdfast_dns_answers_total{rcode="REFUSED"} 1
holdfast_dns_answers_total{rcode="SERVFAIL"} 0
holdfast_dns_answers_total{rcode="other"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "holdfast_dns_answers_total"); err != nil {
		t.Error(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		n := f.GetMetric()[0].GetHistogram().GetSampleCount()
		if f.GetName() == "consul_dns_domain_query" && n != 5 || f.GetName() == "consul_dns_ptr_query" && n != 1 {
			t.Errorf("%s has %d answers", f.GetName(), n)
		}
	}
}
