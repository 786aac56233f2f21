package compat

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestCatalogHasTheServers: clients find the servers through the service `consul`, and what a node is in its record.
func TestCatalogHasTheServers(t *testing.T) {
	a := start(t)
	c := a.Catalog()
	if dcs, err := c.Datacenters(); err != nil || fmt.Sprint(dcs) != "[dc1]" {
		t.Errorf("datacenters: %v, %v", dcs, err)
	}
	servers, meta, err := c.Service("consul", "", nil)
	if err != nil || len(servers) != 1 || servers[0].ServiceID != "consul" || servers[0].ServicePort != 8300 || servers[0].Node != a.name || servers[0].Address != a.addr.String() {
		t.Fatalf("the service consul: %+v, %v", servers, err)
	}
	if meta.LastIndex == 0 || !meta.KnownLeader {
		t.Errorf("the answer's headers: %+v", meta)
	}
	eventually(t, "the node has its metadata and addresses", func() error {
		n, _, err := c.Node(a.name, nil)
		ok(t, err)
		if n == nil || n.Node.Meta["consul-version"] == "" || n.Node.ID == "" {
			return fmt.Errorf("it is %+v", n)
		}
		for _, tag := range []string{"lan", "wan", "lan_ipv4", "wan_ipv4"} {
			if n.Node.TaggedAddresses[tag] != a.addr.String() {
				return fmt.Errorf("its address %s is %q", tag, n.Node.TaggedAddresses[tag])
			}
		}
		if _, there := n.Node.Meta["consul-network-segment"]; !there {
			return fmt.Errorf("its metadata is %v", n.Node.Meta)
		}
		return nil
	})
	if n, meta, err := c.Node("unknown", nil); n != nil || meta.LastIndex == 0 || err != nil {
		t.Errorf("an unknown node: %+v, %v", n, err)
	}
	if none, meta, err := c.Service("unknown", "", nil); none == nil || len(none) != 0 || meta.LastIndex == 0 || err != nil {
		t.Errorf("an unknown service: %+v, %v; want an empty list", none, err)
	}
}

// TestCatalogEchoes: what was registered comes back as it was. Programs compare, and register again for ever where it differs.
func TestCatalogEchoes(t *testing.T) {
	a := start(t)
	c := a.Catalog()
	service := &api.AgentService{
		ID: "db-1", Service: "db", Tags: []string{"b", "a"}, Meta: map[string]string{"k": "v"}, Port: 5432, Address: "198.51.100.7",
		TaggedAddresses: map[string]api.ServiceAddress{"lan": {Address: "10.9.9.9", Port: 1}}, Weights: api.AgentWeights{Passing: 3, Warning: 2},
		EnableTagOverride: true, Locality: &api.Locality{Region: "eu", Zone: "eu-1"},
	}
	_, err := c.Register(&api.CatalogRegistration{
		Node: "external", Address: "198.51.100.7", NodeMeta: map[string]string{"external-node": "true", "external-probe": "true"}, Service: service,
		Checks: api.HealthChecks{{Name: "up", CheckID: "up", Status: api.HealthWarning, ServiceID: "db-1", Output: "slow", Notes: "n"}},
	}, nil)
	ok(t, err)
	node, _, err := c.Node("external", nil)
	ok(t, err)
	got := *node.Services["db-1"]
	got.CreateIndex, got.ModifyIndex, got.Proxy, got.Connect = 0, 0, nil, nil
	if !reflect.DeepEqual(&got, service) {
		t.Errorf("the instance is\n%+v, want\n%+v", &got, service)
	}
	checks, _, err := a.Health().Node("external", nil)
	if err != nil || len(checks) != 1 || checks[0].Status != api.HealthWarning || checks[0].ServiceName != "db" || checks[0].Output != "slow" || checks[0].Notes != "n" || fmt.Sprint(checks[0].ServiceTags) != "[b a]" {
		t.Errorf("the checks are %+v, %v", checks, err)
	}
	services, _, err := c.Services(nil)
	if err != nil || fmt.Sprint(slices.Sorted(maps.Keys(services))) != "[consul db]" || len(services["db"]) != 2 || services["consul"] == nil {
		t.Errorf("services: %v, %v", services, err)
	}
	_, err = c.Deregister(&api.CatalogDeregistration{Node: "external"}, nil)
	ok(t, err)
	if _, err := c.Register(&api.CatalogRegistration{Node: "bare"}, nil); err == nil || !strings.Contains(err.Error(), "Must provide address") {
		t.Errorf("a node without an address: %v", err)
	}
}

// TestCatalogBlocking: a watcher of a service is woken by that service, and by nothing else.
func TestCatalogBlocking(t *testing.T) {
	a := start(t)
	register := func(name string, port int) {
		t.Helper()
		_, err := a.Catalog().Register(&api.CatalogRegistration{Node: "ext", Address: "198.51.100.7", Service: &api.AgentService{Service: name, Port: port}}, nil)
		ok(t, err)
	}
	register("web", 80)
	_, meta, err := a.Health().Service("web", "", false, nil)
	ok(t, err)
	woken := make(chan uint64, 1)
	go func() {
		all, m, err := a.Health().Service("web", "", false, &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: limit})
		if err != nil || len(all) != 1 || all[0].Service.Port != 81 {
			t.Errorf("woken with %v, %v", all, err)
			m = &api.QueryMeta{}
		}
		woken <- m.LastIndex
	}()
	register("other", 1)
	put(t, a.KV(), "k", "v")
	register("web", 81)
	if index := <-woken; index <= meta.LastIndex {
		t.Errorf("the index went from %d to %d", meta.LastIndex, index)
	}
	_, err = a.Catalog().Deregister(&api.CatalogDeregistration{Node: "ext", ServiceID: "web"}, nil)
	ok(t, err)
	if all, m, err := a.Health().Service("web", "", false, &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: limit}); err != nil || len(all) != 0 || m.LastIndex <= meta.LastIndex {
		t.Errorf("after the last instance is gone: %v at %d, %v", all, m.LastIndex, err)
	}
}
