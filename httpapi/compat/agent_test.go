package compat

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestAgentSelf holds the fields that programs read before they do anything else.
func TestAgentSelf(t *testing.T) {
	a := start(t, `node_meta { rack = "r1" }`)
	self, err := a.Agent().Self()
	ok(t, err)
	config, member := self["Config"], self["Member"]
	if config["Datacenter"] != "dc1" || config["NodeName"] != a.name || config["Server"] != true || fmt.Sprint(config["NodeID"]) == "" || !strings.HasPrefix(fmt.Sprint(config["Version"]), "1.") {
		t.Errorf("Config is %v", config)
	}
	tags, _ := member["Tags"].(map[string]any)
	if member["Name"] != a.name || member["Addr"] != a.addr.String() || member["Status"] != 1.0 || tags["role"] != "consul" || tags["dc"] != "dc1" || !strings.HasPrefix(fmt.Sprint(tags["build"]), "1.") || tags["port"] != "8300" {
		t.Errorf("Member is %v", member)
	}
	if self["DebugConfig"] == nil || self["Stats"]["raft"] == nil || self["Coord"]["Vec"] == nil || self["Meta"]["rack"] != "r1" {
		t.Errorf("self has %v", self)
	}
	if members, err := a.Agent().Members(false); err != nil || len(members) != 1 || members[0].Status != 1 || !members[0].IsConsulServer() {
		t.Errorf("members: %v, %v", members, err)
	}
	if wan, err := a.Agent().Members(true); err != nil || len(wan) != 1 || wan[0].Name != a.name+".dc1" {
		t.Errorf("members of the WAN pool: %v, %v", wan, err)
	}
}

// TestAgentService registers an instance with several checks, as Nomad and service supervisors do, and follows its health.
func TestAgentService(t *testing.T) {
	a := start(t)
	agent := a.Agent()
	ok(t, agent.ServiceRegister(&api.AgentServiceRegistration{
		ID: "web-1", Name: "web", Port: 80, Tags: []string{"v1"}, Meta: map[string]string{"m": "1"},
		Checks: api.AgentServiceChecks{{TTL: "1h"}, {CheckID: "own", Name: "Own", TTL: "1h", Status: api.HealthPassing}},
	}))
	checks, err := agent.Checks()
	if err != nil || checks["service:web-1:1"] == nil || checks["service:web-1:1"].Name != "Service 'web' check" || checks["service:web-1:1"].Status != api.HealthCritical || checks["own"].Status != api.HealthPassing || checks["own"].Type != "ttl" {
		t.Fatalf("the checks are %v, %v", checks, err)
	}
	if status, _, err := agent.AgentHealthServiceByID("web-1"); err != nil || status != api.HealthCritical {
		t.Errorf("its health is %s, %v", status, err)
	}
	ok(t, agent.UpdateTTL("service:web-1:1", "well", api.HealthPassing))
	eventually(t, "the instance passes in the catalog, with the output", func() error {
		all, _, err := a.Health().Service("web", "v1", true, nil)
		ok(t, err)
		for _, i := range all {
			for _, c := range i.Checks {
				if c.CheckID == "service:web-1:1" && c.Output == "well" {
					return nil
				}
			}
		}
		return fmt.Errorf("it is %v", all)
	})
	s, meta, err := agent.Service("web-1", nil)
	if err != nil || s.Service != "web" || s.Weights.Passing != 1 || s.ContentHash == "" || s.ContentHash != meta.LastContentHash {
		t.Errorf("the service is %+v, %v", s, err)
	}
	ok(t, agent.ServiceDeregister("web-1"))
	if left, err := agent.Services(); err != nil || len(left) != 0 {
		t.Errorf("services after the deregistration: %v, %v", left, err)
	}
	var status api.StatusError
	if err := agent.ServiceDeregister("web-1"); !errors.As(err, &status) || status.Code != 404 {
		t.Errorf("deregistered twice: %v", err)
	}
}

// TestAgentMaintenance: a node and an instance go into maintenance and come back.
func TestAgentMaintenance(t *testing.T) {
	a := start(t)
	agent := a.Agent()
	ok(t, agent.ServiceRegister(&api.AgentServiceRegistration{Name: "web"}))
	ok(t, agent.EnableServiceMaintenance("web", "broken"))
	ok(t, agent.EnableNodeMaintenance("moving"))
	checks, err := agent.Checks()
	if err != nil || checks["_service_maintenance:web"].Notes != "broken" || checks[api.NodeMaint].Notes != "moving" || checks["_service_maintenance:web"].Status != api.HealthCritical {
		t.Errorf("the checks are %v, %v", checks, err)
	}
	ok(t, agent.DisableServiceMaintenance("web"))
	ok(t, agent.DisableNodeMaintenance())
	if checks, err := agent.Checks(); err != nil || len(checks) != 0 {
		t.Errorf("the checks are %v, %v", checks, err)
	}
}
