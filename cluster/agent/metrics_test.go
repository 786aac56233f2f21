package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"holdfast/cluster"
	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
	"holdfast/cluster/state"
)

// TestMetrics holds the names under which Consul's dashboards look for a server, and what stands there.
func TestMetrics(t *testing.T) {
	c := clustertest.Start(t, 1)
	reg := prometheus.NewRegistry()
	a := c.Add(agent.Config{Name: "n2", Metrics: reg})
	c.Wait("the agent is registered", func() bool { return a.WatchView().Node("n2") != nil })
	c.Put(a, "k", "v")
	_, meta := get(t, a, cluster.QueryOptions{}, "k")
	go func() {
		_, _ = a.Query(t.Context(), cluster.QueryOptions{MinIndex: meta.Index, MaxWait: time.Hour}, func(v *state.View) error { v.KVGet("k"); return nil })
	}()
	want := `# HELP consul_members_clients Other agents in the gossip pool that are alive.
# TYPE consul_members_clients gauge
consul_members_clients 1
# HELP consul_members_servers Servers in the gossip pool that are alive.
# TYPE consul_members_servers gauge
consul_members_servers 1
# HELP consul_server_isLeader 1 while this member leads.
# TYPE consul_server_isLeader gauge
consul_server_isLeader 0
# HELP consul_state_nodes Nodes in the catalog.
# TYPE consul_state_nodes gauge
consul_state_nodes 2
# HELP consul_state_service_instances Instances of services in the catalog.
# TYPE consul_state_service_instances gauge
consul_state_service_instances 1
# HELP consul_state_services Names of services in the catalog.
# TYPE consul_state_services gauge
consul_state_services 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "consul_members_clients", "consul_members_servers", "consul_server_isLeader", "consul_state_nodes", "consul_state_services", "consul_state_service_instances"); err != nil {
		t.Error(err)
	}
	value := func(name string) float64 {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if m := f.GetMetric()[0]; f.GetName() == name {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
		return -1
	}
	c.Wait("a read waits", func() bool { return value("consul_rpc_queries_blocking") == 1 })
	if value("consul_kvs_apply") != 1 || value("consul_rpc_query") < 2 || value("consul_raft_applied_index") < 2 || value("consul_raft_last_index") < value("consul_raft_applied_index") {
		t.Errorf("writes %v, reads %v, applied %v, last %v", value("consul_kvs_apply"), value("consul_rpc_query"), value("consul_raft_applied_index"), value("consul_raft_last_index"))
	}
	c.Put(a, "k", "w")
	c.Wait("no read waits", func() bool { return value("consul_rpc_queries_blocking") == 0 })
}

// TestAutopilotMetrics holds what the leader says of the servers, and that the others leave it to the leader.
func TestAutopilotMetrics(t *testing.T) {
	c := clustertest.New(t)
	reg := prometheus.NewRegistry()
	c.Add(agent.Config{Name: "n1", Server: true, BootstrapExpect: 1, Metrics: reg})
	want := `# HELP consul_autopilot_failure_tolerance Voters that may fail before there is no majority, as the leader says.
# TYPE consul_autopilot_failure_tolerance gauge
consul_autopilot_failure_tolerance 0
# HELP consul_autopilot_healthy 1 while all servers are well, as the leader says; the others say nothing.
# TYPE consul_autopilot_healthy gauge
consul_autopilot_healthy 1
`
	names := []string{"consul_autopilot_failure_tolerance", "consul_autopilot_healthy"}
	c.Wait("the leader finds itself well", func() bool { return testutil.GatherAndCompare(reg, strings.NewReader(want), names...) == nil })
	other := prometheus.NewRegistry()
	c.Add(agent.Config{Name: "n2", Metrics: other})
	if n, err := testutil.GatherAndCount(other, names...); n != 0 || err != nil {
		t.Errorf("who does not lead says %d of it, %v", n, err)
	}
}
