package agent

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/cluster"
)

// metrics is what the member counts on its way. The names and the unit, milliseconds, are Consul's. A nil metrics counts nothing.
type metrics struct {
	kvs, txn, session, register, deregister, query prometheus.Observer // writes of this member's clients, until they are answered
	other                                          prometheus.Observer // those that Consul has no name for, in seconds
	reads                                          prometheus.Counter
	blocking                                       prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		return nil
	}
	write := func(name, of string) prometheus.Observer {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: "Writes of " + of + " through this member and how long each took, in milliseconds.", Buckets: []float64{1, 2.5, 5, 10, 25, 50, 100, 500, 2500, 10000},
		})
		reg.MustRegister(h)
		return h
	}
	other := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "holdfast_apply_seconds", Help: "Writes of all else through this member and how long each took.", Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10},
	})
	m := &metrics{
		kvs: write("consul_kvs_apply", "the key/value store"), txn: write("consul_txn_apply", "transactions"), session: write("consul_session_apply", "sessions"),
		register: write("consul_catalog_register", "registrations in the catalog"), deregister: write("consul_catalog_deregister", "deregistrations in the catalog"),
		query: write("consul_prepared_query_apply", "prepared queries"), other: other,
		reads:    prometheus.NewCounter(prometheus.CounterOpts{Name: "consul_rpc_query", Help: "Reads of the state through this member."}),
		blocking: prometheus.NewGauge(prometheus.GaugeOpts{Name: "consul_rpc_queries_blocking", Help: "Reads that wait for a change now."}),
	}
	reg.MustRegister(other, m.reads, m.blocking)
	return m
}

// wrote notes a write that was begun at a time.
func (m *metrics) wrote(cmd cluster.Command, began time.Time) {
	if m == nil {
		return
	}
	took, to := time.Since(began), prometheus.Observer(nil)
	switch cmd.(type) {
	case *cluster.KVWrite:
		to = m.kvs
	case *cluster.Transaction:
		to = m.txn
	case *cluster.SessionCreate, *cluster.SessionDestroy:
		to = m.session
	case *cluster.Register:
		to = m.register
	case *cluster.Deregister:
		to = m.deregister
	case *cluster.PutPreparedQuery, *cluster.DeletePreparedQuery:
		to = m.query
	}
	if to == nil {
		m.other.Observe(took.Seconds())
		return
	}
	to.Observe(float64(took) / float64(time.Millisecond))
}

// read notes a read.
func (m *metrics) read() {
	if m != nil {
		m.reads.Inc()
	}
}

// waits notes that a read waits for a change, until the function that it answers is called.
func (m *metrics) waits() (done func()) {
	if m == nil {
		return func() {}
	}
	m.blocking.Inc()
	return m.blocking.Dec
}

// condition reports how the member and its state stand. It looks when it is asked.
type condition struct{ a *Agent }

func conditionDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, nil, nil)
}

var (
	descLeader    = conditionDesc("consul_server_isLeader", "1 while this member leads.")
	descServers   = conditionDesc("consul_members_servers", "Servers in the gossip pool that are alive.")
	descClients   = conditionDesc("consul_members_clients", "Other agents in the gossip pool that are alive.")
	descNodes     = conditionDesc("consul_state_nodes", "Nodes in the catalog.")
	descServices  = conditionDesc("consul_state_services", "Names of services in the catalog.")
	descInstances = conditionDesc("consul_state_service_instances", "Instances of services in the catalog.")
	descApplied   = conditionDesc("consul_raft_applied_index", "The newest entry of the log that is applied here.")
	descLast      = conditionDesc("consul_raft_last_index", "The newest entry of the log that is here.")
	descHealthy   = conditionDesc("consul_autopilot_healthy", "1 while all servers are well, as the leader says; the others say nothing.")
	descTolerance = conditionDesc("consul_autopilot_failure_tolerance", "Voters that may fail before there is no majority, as the leader says.")
)

// Describe lists what Collect reports.
func (condition) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLeader, descServers, descClients, descNodes, descServices, descInstances, descApplied, descLast, descHealthy, descTolerance} {
		out <- d
	}
}

// Collect reports how things stand.
func (c condition) Collect(out chan<- prometheus.Metric) {
	report := func(d *prometheus.Desc, v float64) { out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	leads, servers, clients := 0.0, 0, 0
	if c.a.IsLeader() {
		leads = 1
	}
	for _, m := range c.a.Members() {
		switch {
		case m.Status != cluster.StatusAlive:
		case m.IsServer():
			servers++
		default:
			clients++
		}
	}
	report(descLeader, leads)
	if all, err := c.a.serversHere(); err == nil {
		healthy, tolerance := cluster.Together(all)
		report(descTolerance, float64(tolerance))
		report(descHealthy, map[bool]float64{true: 1}[healthy])
	}
	report(descServers, float64(servers))
	report(descClients, float64(clients))
	v := c.a.store.View()
	nodes, services := v.Nodes(), v.Services()
	instances := 0
	for _, s := range services {
		instances += len(v.ServiceInstances(s.Name))
	}
	report(descNodes, float64(len(nodes)))
	report(descServices, float64(len(services)))
	report(descInstances, float64(instances))
	report(descApplied, float64(c.a.store.AppliedIndex()))
	if last, err := strconv.ParseFloat(c.a.Stats()["last_log_index"], 64); err == nil {
		report(descLast, last)
	}
}
