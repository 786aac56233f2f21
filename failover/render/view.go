package render

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/render/language"
)

// Data is where templates read.
type Data interface {
	// Read runs fn on what is known at one moment, once the answers that it gave fn the last time may differ: after is what it returned then, 0
	// for at once. It runs fn again whenever that is so, and answers with the last.
	Read(ctx context.Context, after uint64, fn func(language.Source) error) (index uint64, err error)
}

// Reader reads the state that this member holds.
type Reader interface {
	Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error)
}

// State is the replicated state as templates read it.
type State struct {
	reader           Reader
	node, datacenter string
}

// NewState makes the Data of this member. node is its name.
func NewState(reader Reader, node, datacenter string) *State {
	return &State{reader: reader, node: node, datacenter: datacenter}
}

// longest is how long one question waits. A longer one would do, too: nothing changes meanwhile.
const longest = 10 * time.Minute

// Read implements Data. The first read asks for what the leader has committed, so that a member that replays its log, or was away, renders nothing
// old; later ones take what is here, which only moves forward.
func (s *State) Read(ctx context.Context, after uint64, fn func(language.Source) error) (uint64, error) {
	opts := cluster.QueryOptions{Consistency: cluster.Stale, MinIndex: after, MaxWait: longest}
	if after == 0 {
		opts.Consistency = cluster.Default
	}
	meta, err := s.reader.Query(ctx, opts, func(v *state.View) error { return fn(&viewSource{v, s}) })
	return meta.Index, err
}

// viewSource is one View as the language asks it.
type viewSource struct {
	v *state.View
	s *State
}

func (x *viewSource) Datacenter() (string, error) { return x.s.datacenter, nil }

func (x *viewSource) Key(key string) (*language.Pair, error) {
	if e := x.v.KVGet(key); e != nil {
		return pair(e), nil
	}
	return nil, nil
}

func (x *viewSource) Below(prefix string) ([]*language.Pair, error) {
	return each(x.v.KVList(prefix), pair), nil
}

func (x *viewSource) Nodes(near string) ([]*language.Node, error) {
	return each(nearest(x, near, x.v.Nodes(), func(n *cluster.Node) string { return n.Name }), node), nil
}

func (x *viewSource) Node(name string) (*language.CatalogNode, error) {
	if name == "" {
		name = x.s.node
	}
	n := x.v.Node(name)
	if n == nil {
		return nil, nil
	}
	out := &language.CatalogNode{Node: node(n), Services: each(x.v.NodeServices(name), func(s *cluster.Service) *language.NodeService {
		return &language.NodeService{
			ID: s.ID, Service: s.Name, Tags: language.SortedTags(s.Tags), Meta: filled(s.Meta), Port: s.Port, Address: s.Address, EnableTagOverride: s.EnableTagOverride,
		}
	})}
	return out.Sort(), nil
}

func (x *viewSource) Services() ([]*language.Service, error) {
	return each(x.v.Services(), func(s state.ServiceSummary) *language.Service {
		return &language.Service{Name: s.Name, Tags: language.SortedTags(s.Tags)}
	}), nil
}

// keptInstances is the key of the instances that are kept with their service.
type keptInstances struct{}

func (x *viewSource) Instances(service, near string) ([]*language.Instance, error) {
	all := x.v.FromInstances(service, keptInstances{}, func(all []state.Instance) (any, bool) { return each(all, instance), true }).([]*language.Instance)
	return nearest(x, near, all, func(i *language.Instance) string { return i.Node }), nil
}

func (x *viewSource) Roots() ([]*language.Root, error) {
	r := x.v.CARoot()
	if r == nil {
		return []*language.Root{}, nil
	}
	return []*language.Root{{ID: r.ID, Name: r.Name, RootCertPEM: r.Cert, Active: true, CreateIndex: r.CreateIndex, ModifyIndex: r.ModifyIndex}}, nil
}

func nearest[T any](x *viewSource, near string, all []T, node func(T) string) []T {
	if near == "" {
		return all
	}
	if near == "_agent" {
		near = x.s.node
	}
	return state.Nearest(x.v, near, all, node)
}

func pair(e *cluster.KVEntry) *language.Pair {
	return &language.Pair{Path: e.Key, Key: e.Key, Value: string(e.Value), CreateIndex: e.CreateIndex, ModifyIndex: e.ModifyIndex, LockIndex: e.LockIndex, Flags: e.Flags, Session: e.Session}
}

func node(n *cluster.Node) *language.Node {
	return &language.Node{ID: n.ID, Node: n.Name, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: filled(n.TaggedAddresses), Meta: filled(n.Meta)}
}

func instance(i state.Instance) *language.Instance {
	n, s := i.Node, i.Service
	out := &language.Instance{
		Node: n.Name, NodeID: n.ID, NodeAddress: n.Address, NodeTaggedAddresses: n.TaggedAddresses, NodeMeta: n.Meta, ServiceMeta: s.Meta, Address: s.Address,
		ServiceTaggedAddresses: map[string]language.Address{}, ID: s.ID, Name: s.Name, Tags: s.Tags, Port: s.Port, Weights: language.Weights(s.Weights),
	}
	if s.Weights == (cluster.Weights{}) {
		out.Weights = language.Weights(cluster.DefaultWeights)
	}
	for name, a := range s.TaggedAddresses {
		out.ServiceTaggedAddresses[name] = language.Address(a)
	}
	out.Checks = each(i.Checks, func(c *cluster.Check) *language.Check {
		return &language.Check{
			Node: c.Node, CheckID: c.ID, Name: c.Name, Status: string(c.Status), Notes: c.Notes, Output: c.Output, ServiceID: c.ServiceID, ServiceName: c.ServiceName,
			ServiceTags: c.ServiceTags, Type: c.Type, CreateIndex: c.CreateIndex, ModifyIndex: c.ModifyIndex,
		}
	})
	return out.Complete()
}

func each[A, B any](all []A, f func(A) B) []B {
	out := make([]B, 0, len(all))
	for _, a := range all {
		out = append(out, f(a))
	}
	return out
}

// filled is a map that is printed as an empty one where there is none.
func filled(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
