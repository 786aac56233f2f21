package state

import (
	"net/netip"
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// ServiceSummary is a service's name with the tags of all its instances, sorted, each once.
type ServiceSummary struct {
	Name string
	Tags []string

	Spellings map[string][]string // where instances write the name in several ways, each with its tags; else nil
}

// Instance is an instance of a service with its node and every check that bears on it: those of the node, then its own.
type Instance struct {
	Node    *cluster.Node
	Service *cluster.Service
	Checks  []*cluster.Check
}

// Nodes is every node in the order of the names.
func (v *View) Nodes() []*cluster.Node {
	v.r.askSet(setNodes)
	return slices.Collect(each[cluster.Node](v.r.txn, tableNodes, byID, ""))
}

// Node is the node of this name, nil where there is none.
func (v *View) Node(name string) *cluster.Node {
	v.r.askSet(ofNode + strings.ToLower(name))
	return found[cluster.Node](v.r.txn, tableNodes, nodeKey(name))
}

// NodeByID is the node with this ID, nil where there is none.
func (v *View) NodeByID(id string) *cluster.Node {
	v.r.askSet(setNodes)
	return nodeByUUID(v.r.txn, id)
}

// NodesByAddress is every node whose address this is, in the order of the names.
func (v *View) NodesByAddress(a netip.Addr) []*cluster.Node {
	v.r.askSet(setNodes)
	return slices.Collect(each[cluster.Node](v.r.txn, tableNodes, byAddress, addrKey(a)))
}

// NodeServices is every instance on a node in the order of their IDs.
func (v *View) NodeServices(node string) []*cluster.Service {
	v.r.askSet(ofNode + strings.ToLower(node))
	return slices.Collect(each[cluster.Service](v.r.txn, tableServices, byID, below(strings.ToLower(node))))
}

// NodeService is one instance on a node, nil where there is none.
func (v *View) NodeService(node, id string) *cluster.Service {
	v.r.askSet(ofNode + strings.ToLower(node))
	return found[cluster.Service](v.r.txn, tableServices, onNode(node, id))
}

// Services is every service that has an instance, in the order of the names.
func (v *View) Services() []ServiceSummary {
	row := v.r.askSet(setServices)
	if row == nil {
		return nil
	}
	return row.summaries.get(func() (all []ServiceSummary) {
		for r := range each[indexRow](v.r.txn, tableIndexes, byID, keyOf(ofService)) {
			if s := summary(v.r.txn, strings.TrimPrefix(r.Name, ofService)); s.Name != "" {
				all = append(all, s)
			}
		}
		return all
	})
}

// ServiceInstances is every instance of a service in the order of nodes and IDs.
func (v *View) ServiceInstances(name string) []Instance {
	name = strings.ToLower(name)
	row := v.r.askSet(ofService + name)
	if row == nil {
		return nil
	}
	return row.instances.get(func() (all []Instance) {
		for s := range instancesOf(v.r.txn, name) {
			all = append(all, instance(v.r.txn, s))
		}
		return all
	})
}

// FromInstances is what build makes of the instances of a service. It is kept under its key until anything about them changes, so that
// an answer need not be put together again for everyone who asks; build says whether it is worth that. A key is comparable and of a
// type of the caller's own, and there are few of them. The value is shared and must not be changed.
func (v *View) FromInstances(service string, key any, build func([]Instance) (value any, keep bool)) any {
	row := v.r.askSet(ofService + strings.ToLower(service))
	if row == nil {
		value, _ := build(nil)
		return value
	}
	if value, ok := row.derived.Load(key); ok {
		return value
	}
	value, keep := build(v.ServiceInstances(service))
	if keep {
		value, _ = row.derived.LoadOrStore(key, value)
	}
	return value
}

// InstancesByAddress is every instance that was registered with this address of its own, in the order of nodes and IDs.
func (v *View) InstancesByAddress(a netip.Addr) []Instance {
	v.r.askSet(setInstances)
	v.r.askSet(setNodes)
	v.r.askSet(setChecks)
	var all []Instance
	for s := range each[cluster.Service](v.r.txn, tableServices, byAddress, addrKey(a)) {
		all = append(all, instance(v.r.txn, s))
	}
	return all
}

func instance(txn *table.Txn, s *cluster.Service) Instance {
	i := Instance{Node: found[cluster.Node](txn, tableNodes, nodeKey(s.Node)), Service: s}
	for _, id := range []string{"", s.ID} {
		for c := range each[cluster.Check](txn, tableChecks, byInstance, ofInstance(s.Node, id)) {
			i.Checks = append(i.Checks, c)
		}
	}
	return i
}

// summary gathers the tags of a service's instances. Its name is written as the first of them writes it.
func summary(txn *table.Txn, name string) ServiceSummary {
	s, spellings := ServiceSummary{}, map[string][]string{}
	for i := range instancesOf(txn, name) {
		if s.Name == "" {
			s.Name = i.Name
		}
		s.Tags = withTags(s.Tags, i.Tags)
		spellings[i.Name] = withTags(spellings[i.Name], i.Tags)
	}
	if len(spellings) > 1 {
		s.Spellings = spellings
	}
	return s
}

// withTags puts tags into a sorted list that has each once.
func withTags(list, tags []string) []string {
	for _, t := range tags {
		if at, found := slices.BinarySearch(list, t); !found {
			list = slices.Insert(list, at, t)
		}
	}
	return list
}
