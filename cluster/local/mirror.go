package local

import (
	"maps"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// mirror is what the catalog holds of this node, as far as the loop knows: what it read there, and what it has written since.
type mirror struct {
	loaded   bool
	node     *cluster.Node               // nil where there is none
	services map[string]*cluster.Service // by key of the ID
	checks   map[string]*cluster.Check
	since    map[string]bool // what was written since the last mark: a view of that time may not have it
}

// mark begins a reading: what is written from now on is newer than what will be read.
func (m *mirror) mark() { m.since = map[string]bool{} }

// load takes a view over, but for what was written since the mark.
func (m *mirror) load(view *state.View, name string) {
	services, checks := map[string]*cluster.Service{}, map[string]*cluster.Check{}
	node := view.Node(name)
	for _, s := range view.NodeServices(name) {
		services[key(s.ID)] = s
	}
	for _, c := range view.NodeChecks(name) {
		checks[key(c.ID)] = c
	}
	for what := range m.since {
		kind, k, _ := strings.Cut(what, " ")
		switch kind {
		case kindNode:
			node = m.node
		case kindService:
			carry(services, m.services, k)
		case kindCheck:
			carry(checks, m.checks, k)
		}
	}
	m.loaded, m.node, m.services, m.checks = true, node, services, checks
}

// carry brings what to has of a key to what from has.
func carry[T any](to, from map[string]*T, k string) {
	if v := from[k]; v != nil {
		to[k] = v
	} else {
		delete(to, k)
	}
}

// The kinds of records.
const (
	kindNode    = "node"
	kindService = "service"
	kindCheck   = "check"
)

// apply follows a write that the leader has acknowledged.
func (m *mirror) apply(cmd cluster.Command) {
	switch c := cmd.(type) {
	case *cluster.Register:
		if !c.SkipNodeUpdate || m.node == nil {
			m.node, m.since[kindNode] = &c.Node, true
		}
		if c.Service != nil {
			k := key(c.Service.ID)
			m.services[k], m.since[record(kindService, k)] = c.Service, true
		}
		for _, check := range c.Checks {
			k := key(check.ID)
			m.checks[k], m.since[record(kindCheck, k)] = check, true
		}
	case *cluster.Deregister:
		if c.ServiceID == "" {
			m.dropCheck(key(c.CheckID))
			return
		}
		sk := key(c.ServiceID)
		delete(m.services, sk)
		m.since[record(kindService, sk)] = true
		for k, check := range m.checks {
			if key(check.ServiceID) == sk {
				m.dropCheck(k)
			}
		}
	}
}

func (m *mirror) dropCheck(k string) {
	delete(m.checks, k)
	m.since[record(kindCheck, k)] = true
}

// sameNode reports whether the catalog's record of this node is as it should be.
func sameNode(want, have *cluster.Node) bool {
	return have != nil && have.ID == want.ID && have.Name == want.Name && have.Address == want.Address && have.Datacenter == want.Datacenter && have.Locality == want.Locality &&
		maps.Equal(have.Meta, want.Meta) && maps.Equal(have.TaggedAddresses, want.TaggedAddresses)
}

// wantedLocked is a service as the catalog should hold it. Its tags are the catalog's own where the service allows that
// (EnableTagOverride), until somebody registers it again.
func (r *Registry) wantedLocked(k string, have *cluster.Service) *cluster.Service {
	w := r.services[k].Service
	if w.EnableTagOverride && have != nil && !r.todo.retag[k] {
		w.Tags = have.Tags
	}
	return &w
}

// sameCheck compares all but the output, and what the catalog fills in itself.
func sameCheck(want, have *cluster.Check) bool {
	w := *want
	w.Output, w.ServiceName, w.ServiceTags = have.Output, have.ServiceName, have.ServiceTags
	return w.Equal(have)
}
