package config

import (
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func configured(t *testing.T, text string) (*Config, []string, error) {
	t.Helper()
	f, warnings, err := Parse("x.hcl", []byte(`data_dir = "/d" node_name = "n" bind_addr = "127.0.0.1" `+text), "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Build(f)
	return c, warnings, err
}

func TestRaftSnapshots(t *testing.T) {
	c, warnings, err := configured(t, `raft_snapshot_threshold = 16384 raft_snapshot_interval = "1m" raft_trailing_logs = 500`)
	if err != nil || len(warnings) != 0 || c.SnapshotThreshold != 16384 || c.SnapshotInterval != time.Minute || c.TrailingLogs != 500 {
		t.Errorf("%d, %s, %d, warnings %q, error %v", c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs, warnings, err)
	}
	for text, want := range map[string]string{
		`raft_snapshot_threshold = -1`:    "raft_snapshot_threshold -1",
		`raft_trailing_logs = -1`:         "raft_trailing_logs -1",
		`raft_snapshot_interval = "10ms"`: "raft_snapshot_interval 10ms is too short",
		`raft_snapshot_interval = "-1s"`:  "raft_snapshot_interval -1s is too short",
	} {
		if _, _, err := configured(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}

func TestAutopilot(t *testing.T) {
	c, _, err := configured(t, "")
	if err != nil || c.Autopilot != cluster.DefaultAutopilot() {
		t.Errorf("nothing said: %+v, %v", c, err)
	}
	c, warnings, err := configured(t, `autopilot { cleanup_dead_servers = false last_contact_threshold = "1s" max_trailing_logs = 500 min_quorum = 3 server_stabilization_time = "5s" }`)
	want := cluster.Autopilot{LastContactThreshold: time.Second, MaxTrailingLogs: 500, MinQuorum: 3, ServerStabilizationTime: 5 * time.Second}
	if err != nil || len(warnings) > 0 || c.Autopilot != want {
		t.Errorf("%+v, warnings %v, error %v", c.Autopilot, warnings, err)
	}
	if _, _, err := configured(t, `autopilot { max_trailing_logs = 0 }`); err == nil || !strings.Contains(err.Error(), "autopilot: MaxTrailingLogs") {
		t.Errorf("an impossible one: %v", err)
	}
}

// TestConnect holds what the root of the CA takes of Consul's connect, and that the mesh is warned of.
func TestConnect(t *testing.T) {
	const id = "11111111-2222-3333-4444-555555555555"
	for text, want := range map[string]struct {
		off    bool
		id     string
		warned bool
	}{
		``:                            {},
		`connect { enabled = true }`:  {warned: true},
		`connect { enabled = false }`: {off: true},
		`connect { enabled = true ca_config { cluster_id = "` + strings.ToUpper(id) + `" leaf_cert_ttl = "72h" } ca_provider = "consul" }`: {id: id, warned: true},
	} {
		c, warnings, err := configured(t, text)
		if err != nil || c.NoConnect != want.off || c.CAClusterID != want.id || (len(warnings) > 0) != want.warned {
			t.Errorf("%s: off %v, ID %q, warnings %v, error %v", text, c.NoConnect, c.CAClusterID, warnings, err)
		}
	}
	if _, _, err := configured(t, `connect { ca_config { cluster_id = "x" } }`); err == nil || !strings.Contains(err.Error(), "connect.ca_config.cluster_id x is not a UUID") {
		t.Errorf("an ID that is none: %v", err)
	}
}
