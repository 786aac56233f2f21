package dnsapi

import (
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics measures the answers. The names of the two histograms and their unit are Consul's. A nil Metrics measures nothing.
type Metrics struct {
	domain, ptr prometheus.Observer
	rcodes      [len(rcodeNames)]prometheus.Counter
}

// rcodeNames are the codes that are counted each for itself; the last stands for all others.
var rcodeNames = [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "other"}

// NewMetrics makes the metrics and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	histogram := func(name, what string) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: "Answers to questions " + what + " and how long each took, in milliseconds.", Buckets: []float64{0.05, 0.2, 1, 5, 25, 100, 500, 2500},
		})
		reg.MustRegister(h)
		return h
	}
	m := &Metrics{domain: histogram("consul_dns_domain_query", "for a name"), ptr: histogram("consul_dns_ptr_query", "for the name of an address")}
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "holdfast_dns_answers_total", Help: "Answers by their code."}, []string{"rcode"})
	reg.MustRegister(answers)
	for i, name := range rcodeNames {
		m.rcodes[i] = answers.WithLabelValues(name)
	}
	return m
}

// answered notes the answer to one message, which came at a time.
func (m *Metrics) answered(req *dns.Msg, rcode int, came time.Time) {
	if m == nil {
		return
	}
	of := m.domain
	if len(req.Question) > 0 && req.Question[0].Qtype == dns.TypePTR {
		of = m.ptr
	}
	m.count(of, rcode, came)
}

// found notes an answer about a service, which came at a time.
func (m *Metrics) found(came time.Time) {
	if m != nil {
		m.count(m.domain, dns.RcodeSuccess, came)
	}
}

func (m *Metrics) count(of prometheus.Observer, rcode int, came time.Time) {
	of.Observe(float64(time.Since(came)) / float64(time.Millisecond))
	if rcode < 0 || rcode >= len(rcodeNames)-1 {
		rcode = len(rcodeNames) - 1
	}
	m.rcodes[rcode].Inc()
}
