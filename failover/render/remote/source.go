package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"holdfast/failover/render/language"
)

// wait is how long a blocking question waits; then it is asked again.
const wait = "5m"

func blocking(query url.Values, index uint64) url.Values {
	q := maps.Clone(query)
	if q == nil {
		q = url.Values{}
	}
	if index > 0 {
		q.Set("index", strconv.FormatUint(index, 10))
		q.Set("wait", wait)
	}
	return q
}

// source answers one Read.
type source struct {
	d    *Data
	ctx  context.Context
	read uint64
	err  error // the first answer that could not be had
}

// ask decodes an answer into out, which it leaves as it is where there is none.
func (s *source) ask(path string, query url.Values, out any) error {
	body, found, err := s.d.ask(s.ctx, s.read, path, query)
	if err == nil && found {
		if err = json.Unmarshal(body, out); err != nil {
			err = fmt.Errorf("cannot read the agent's answer to %s: %w", path, err)
		}
	}
	if err != nil && s.err == nil {
		s.err = err
	}
	return err
}

func (s *source) Datacenter() (string, error) {
	var self struct{ Config struct{ Datacenter string } }
	err := s.ask("/v1/agent/self", nil, &self)
	return self.Config.Datacenter, err
}

// kvWire is a key as the API shows it.
type kvWire struct {
	Key, Session                               string
	Value                                      []byte
	CreateIndex, ModifyIndex, LockIndex, Flags uint64
}

func (w kvWire) pair() *language.Pair {
	return &language.Pair{Path: w.Key, Key: w.Key, Value: string(w.Value), CreateIndex: w.CreateIndex, ModifyIndex: w.ModifyIndex, LockIndex: w.LockIndex, Flags: w.Flags, Session: w.Session}
}

// kvPath is the path of a key or a prefix: its slashes stay.
func kvPath(key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/v1/kv/" + strings.Join(parts, "/")
}

func (s *source) Key(key string) (*language.Pair, error) {
	var all []kvWire
	if err := s.ask(kvPath(key), nil, &all); err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0].pair(), nil
}

func (s *source) Below(prefix string) ([]*language.Pair, error) {
	var all []kvWire
	if err := s.ask(kvPath(prefix), url.Values{"recurse": {""}}, &all); err != nil {
		return nil, err
	}
	out := make([]*language.Pair, 0, len(all))
	for _, w := range all {
		out = append(out, w.pair())
	}
	return out, nil
}

func nearby(near string) url.Values {
	if near == "" {
		return nil
	}
	return url.Values{"near": {near}}
}

func (s *source) Nodes(near string) ([]*language.Node, error) {
	out := []*language.Node{}
	err := s.ask("/v1/catalog/nodes", nearby(near), &out)
	return out, err
}

func (s *source) Node(name string) (*language.CatalogNode, error) {
	if name == "" {
		var self struct{ Config struct{ NodeName string } }
		if err := s.ask("/v1/agent/self", nil, &self); err != nil {
			return nil, err
		}
		name = self.Config.NodeName
	}
	var got struct {
		Node     *language.Node
		Services map[string]*language.NodeService
	}
	if err := s.ask("/v1/catalog/node/"+url.PathEscape(name), nil, &got); err != nil || got.Node == nil {
		return nil, err
	}
	out := &language.CatalogNode{Node: got.Node, Services: []*language.NodeService{}}
	for _, n := range got.Services {
		n.Tags = language.SortedTags(n.Tags)
		out.Services = append(out.Services, n)
	}
	return out.Sort(), nil
}

func (s *source) Services() ([]*language.Service, error) {
	var got map[string][]string
	err := s.ask("/v1/catalog/services", nil, &got)
	out := []*language.Service{}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		out = append(out, &language.Service{Name: name, Tags: language.SortedTags(got[name])})
	}
	return out, err
}

// healthWire is an instance as the API shows it.
type healthWire struct {
	Node    language.Node
	Service struct {
		ID, Service, Address string
		Tags                 []string
		TaggedAddresses      map[string]language.Address
		Meta                 map[string]string
		Port                 int
		Weights              language.Weights
	}
	Checks language.Checks
}

func (s *source) Instances(service, near string) ([]*language.Instance, error) {
	var got []healthWire
	err := s.ask("/v1/health/service/"+url.PathEscape(service), nearby(near), &got)
	out := make([]*language.Instance, 0, len(got))
	for _, w := range got {
		n, x := w.Node, w.Service
		i := &language.Instance{
			Node: n.Node, NodeID: n.ID, NodeAddress: n.Address, NodeTaggedAddresses: n.TaggedAddresses, NodeMeta: n.Meta, ServiceMeta: x.Meta, Address: x.Address,
			ServiceTaggedAddresses: x.TaggedAddresses, ID: x.ID, Name: x.Service, Tags: x.Tags, Port: x.Port, Weights: x.Weights, Checks: w.Checks,
		}
		out = append(out, i.Complete())
	}
	return out, err
}

func (s *source) Roots() ([]*language.Root, error) {
	var got struct{ Roots []*language.Root }
	err := s.ask("/v1/connect/ca/roots", nil, &got)
	return got.Roots, err
}
