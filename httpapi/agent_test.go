package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
)

// TestAgentSelf holds what programs read: fabio, Nomad, Prometheus, Vault, Patroni.
func TestAgentSelf(t *testing.T) {
	w := send(t, newMember().handler(), "GET /v1/agent/self", "")
	var self struct {
		Config      map[string]any
		DebugConfig map[string]any
		Coord       map[string]any
		Member      struct {
			Name, Addr   string
			Port, Status int
			Tags         map[string]string
		}
		Stats map[string]map[string]string
		Meta  map[string]string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &self); err != nil {
		t.Fatal(err)
	}
	wantConfig := map[string]any{
		"Datacenter": "dc1", "PrimaryDatacenter": "dc1", "NodeName": "n1", "NodeID": nodeID, "Server": true, "Revision": "1a2b3c4d", "Version": "1.21.4",
		"BuildDate": "2026-01-02T03:04:05Z", "SessionTTLMin": 1e10,
	}
	if d := cmp.Diff(wantConfig, self.Config); d != "" {
		t.Error(d)
	}
	if m := self.Member; m.Name != "n1" || m.Addr != "10.0.0.1" || m.Port != 8301 || m.Status != 1 || m.Tags["build"] != "1.21.4:1a2b3c4d" {
		t.Errorf("Member is %+v", m)
	}
	if self.Meta["rack"] != "r1" || self.DebugConfig["Bootstrap"] != false || self.DebugConfig["SerfAdvertiseAddrLAN"] != "tcp://10.0.0.1:8301" || self.Coord["Error"] != 0.5 {
		t.Errorf("Meta %v, DebugConfig %v, Coord %v", self.Meta, self.DebugConfig, self.Coord)
	}
	if s := self.Stats; s["raft"]["term"] != "2" || s["consul"]["leader"] != "true" || s["serf_lan"]["members"] != "3" || s["serf_lan"]["failed"] != "1" || s["consul"]["cluster_id"] != clusterID {
		t.Errorf("Stats are %v", s)
	}
}

func TestAgentPool(t *testing.T) {
	m := newMember()
	h := m.handler()
	talks(t, h, []talk{
		{"PUT /v1/agent/join/10.0.0.9", "", 200, ""},
		{"PUT /v1/agent/join/%5Bfe80::1%5D:8301", "", 200, ""},
		{"PUT /v1/agent/join/10.0.0.9?wan=1", "", 500, "this agent is in no pool between datacenters…"},
		{"PUT /v1/agent/join/nowhere", "", 500, "cannot join nowhere"},
		{"PUT /v1/agent/join/", "", 400, "Missing address to join…"},
		{"PUT /v1/agent/force-leave/n3", "", 200, ""},
		{"PUT /v1/agent/force-leave/n3?prune", "", 200, ""},
		{"PUT /v1/agent/force-leave/n1", "", 200, ""}, // itself
		{"PUT /v1/agent/force-leave/n3.dc1?wan", "", 200, ""},
		{"GET /v1/agent/members?segment=alpha", "", 501, "Network segments are not supported here…"},
		{"PUT /v1/agent/force-leave/nobody", "", 404, `no member is called "nobody"`},
		{"PUT /v1/agent/force-leave/", "", 400, "Missing node name…"},
		{"GET /v1/agent/members?wan=2", "", 400, "the parameter wan=2 is not a boolean…"},
		{"PUT /v1/agent/leave", "", 200, ""},
	})
	want := "join 10.0.0.9; join [fe80::1]:8301; force-leave n3 false; force-leave n3 true; force-leave n3 false; leave; shutdown"
	if got := m.notes(); got != want {
		t.Errorf("the pool was told %q, want %q", got, want)
	}
}

// abroad is a pool between datacenters.
type abroad struct{ *member }

func (a abroad) Members() []cluster.Member {
	return []cluster.Member{{Name: "n1.dc1", Status: cluster.StatusFailed}, {Name: "x1.dc2", Addr: netip.MustParseAddrPort("192.0.2.1:8302"), Status: cluster.StatusAlive}}
}

func (a abroad) Join(_ context.Context, addrs []string) (int, error) {
	a.note("join abroad " + addrs[0])
	return 1, nil
}

func (a abroad) ForceLeave(name string, prune bool) error {
	a.note(fmt.Sprintf("force-leave abroad %s %t", name, prune))
	if name == "nobody.dc1" {
		return cluster.Errorf(cluster.NotFound, "nobody is called so")
	}
	return nil
}

func (a abroad) Datacenters() []string { return []string{"dc1", "dc2"} }

func (a abroad) Coordinates() map[string][]cluster.NodeCoordinate {
	return map[string][]cluster.NodeCoordinate{"dc2": {{Node: "x1", Coordinate: cluster.Coordinate{Vec: make([]float64, cluster.CoordinateDimensions), Height: 0.02}}}}
}

// TestAgentWAN holds which of the two pools is asked where this agent is in both.
func TestAgentWAN(t *testing.T) {
	m := newMember()
	deps := m.deps()
	deps.WAN = abroad{m}
	h := New(m.config(), deps, slog.New(slog.DiscardHandler))
	talks(t, h, []talk{
		{"PUT /v1/agent/join/10.0.0.9", "", 200, ""},
		{"PUT /v1/agent/join/192.0.2.1?wan=1", "", 200, ""},
		{"PUT /v1/agent/force-leave/n3?prune", "", 200, ""},
		{"PUT /v1/agent/force-leave/x1.dc2?wan", "", 200, ""},
		{"PUT /v1/agent/force-leave/nobody", "", 404, `no member is called "nobody"`},
	})
	want := "join 10.0.0.9; join abroad 192.0.2.1; force-leave n3 true; force-leave abroad n3.dc1 true; force-leave abroad x1.dc2 false; force-leave abroad nobody.dc1 false"
	if got := m.notes(); got != want {
		t.Errorf("the pools were told %q, want %q", got, want)
	}
	var got []struct {
		Name   string
		Status int
	}
	if err := json.Unmarshal(send(t, h, "GET /v1/agent/members?wan=1", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	where := send(t, h, "GET /v1/coordinate/datacenters", "").Body.String()
	if want := `[{"Datacenter":"dc1","AreaID":"wan","Coordinates":[]},{"Datacenter":"dc2","AreaID":"wan","Coordinates":[{"Node":"x1","Segment":"","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":0,"Adjustment":0,"Height":0.02}}]}]`; where != want {
		t.Errorf("the servers are at %s", where)
	}
	if len(got) != 2 || got[0].Name != "n1.dc1" || got[1].Name != "x1.dc2" || got[1].Status != 1 {
		t.Errorf("the pool is %v", got)
	}
}

// TestNoAccessRules holds the answer by which clients find out that a cluster checks no tokens.
func TestNoAccessRules(t *testing.T) {
	talks(t, newMember().handler(), []talk{
		{"PUT /v1/agent/token/default", `{"Token":"t"}`, 401, "ACL support disabled"},
		{"PUT /v1/agent/token/dns", `{"Token":"t"}`, 401, "ACL support disabled"},
		{"PUT /v1/acl/bootstrap", "", 401, "ACL support disabled"},
		{"GET /v1/acl/tokens", "", 401, "ACL support disabled"},
		{"DELETE /v1/acl/token/x", "", 401, "ACL support disabled"},
		{"POST /v1/acl/login", "{}", 401, "ACL support disabled"},
	})
}

func TestAgentHost(t *testing.T) {
	for dir, errs := range map[string]int{"/": 0, "/nowhere/at/all": 1} {
		h := newMember().handler(func(c *Config) { c.DataDir = dir })
		w := send(t, h, "GET /v1/agent/host", "")
		var got struct {
			Memory         map[string]any
			CPU            []map[string]any
			Host           map[string]any
			Disk           map[string]any
			CollectionTime int64
			Errors         []string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Errors) != errs || got.CollectionTime == 0 || (got.Disk == nil) != (errs > 0) {
			t.Errorf("%s: %s", dir, w.Body)
		}
		if got.Memory["total"] == nil || got.Memory["usedPercent"] == nil || got.CPU[0]["modelName"] == nil || got.Host["hostname"] == nil || got.Host["bootTime"] == nil {
			t.Errorf("what clients look for is not there: %s", w.Body)
		}
		if errs == 0 && (got.Disk["path"] != "/" || got.Disk["inodesFree"] == nil) {
			t.Errorf("the disk is %v", got.Disk)
		}
	}
}
