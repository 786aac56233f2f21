package proxy

import "github.com/prometheus/client_golang/prometheus"

// Collector shows a fleet to Prometheus. Nothing is counted twice: the numbers are those of Status, read when they are asked for.
type Collector struct {
	fleet *Fleet
}

// NewCollector makes a collector of a fleet.
func NewCollector(f *Fleet) Collector { return Collector{f} }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("holdfast_proxy_"+name, help, labels, nil)
}

var (
	descConnections = describe("connections", "Clients that are connected.", "proxy")
	descHeld        = describe("held_connections", "Clients that wait for a backend.", "proxy")
	descAccepted    = describe("accepted_total", "Clients that have connected.", "proxy")
	descTurned      = describe("turned_away_total", "Clients that got no backend in time.", "proxy")

	descActive   = describe("backend_connections", "Connections to a backend.", "proxy", "backend", "state")
	descOpened   = describe("backend_opened_total", "Connections that were made to a backend.", "proxy", "backend", "state")
	descFailed   = describe("backend_failed_total", "Attempts to connect to a backend that failed.", "proxy", "backend", "state")
	descCut      = describe("backend_cut_total", "Connections that were cut because their backend left.", "proxy", "backend", "state")
	descSent     = describe("backend_sent_bytes_total", "Bytes that were passed to a backend.", "proxy", "backend", "state")
	descReceived = describe("backend_received_bytes_total", "Bytes that came from a backend.", "proxy", "backend", "state")
)

// Describe names the metrics.
func (Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descConnections, descHeld, descAccepted, descTurned, descActive, descOpened, descFailed, descCut, descSent, descReceived} {
		ch <- d
	}
}

// Collect reads the numbers.
func (c Collector) Collect(ch chan<- prometheus.Metric) {
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	for _, s := range c.fleet.Status() {
		ch <- prometheus.MustNewConstMetric(descConnections, gauge, float64(s.Connections), s.Name)
		ch <- prometheus.MustNewConstMetric(descHeld, gauge, float64(s.Held), s.Name)
		ch <- prometheus.MustNewConstMetric(descAccepted, counter, float64(s.Accepted), s.Name)
		ch <- prometheus.MustNewConstMetric(descTurned, counter, float64(s.Turned), s.Name)
		for id, b := range byBackend(s.Backends) {
			labels := []string{s.Name, id.id, id.state}
			ch <- prometheus.MustNewConstMetric(descActive, gauge, float64(b.Active), labels...)
			ch <- prometheus.MustNewConstMetric(descOpened, counter, float64(b.Opened), labels...)
			ch <- prometheus.MustNewConstMetric(descFailed, counter, float64(b.Failed), labels...)
			ch <- prometheus.MustNewConstMetric(descCut, counter, float64(b.Cut), labels...)
			ch <- prometheus.MustNewConstMetric(descSent, counter, float64(b.Sent), labels...)
			ch <- prometheus.MustNewConstMetric(descReceived, counter, float64(b.Received), labels...)
		}
	}
}

// series names one series of a proxy. What drains is one of its own: the same backend may be offered again in another epoch.
type series struct{ id, state string }

// byBackend sums up what would be the same series: a backend under several routes, or in several epochs.
func byBackend(bs []BackendStatus) map[series]BackendStatus {
	out := map[series]BackendStatus{}
	for _, b := range bs {
		k := series{b.ID, "offered"}
		if b.State == "draining" {
			k.state = b.State
		}
		sum := out[k]
		sum.Active, sum.Opened, sum.Failed = sum.Active+b.Active, sum.Opened+b.Opened, sum.Failed+b.Failed
		sum.Cut, sum.Sent, sum.Received = sum.Cut+b.Cut, sum.Sent+b.Sent, sum.Received+b.Received
		out[k] = sum
	}
	return out
}
