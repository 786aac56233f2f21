package query

import (
	"strings"

	"holdfast/cluster"
	"holdfast/httpapi/wire"
)

// queryJSON is a prepared query, as it is shown and as it is sent.
type queryJSON struct {
	ID          string
	Name        string
	Session     string
	Token       string
	Template    templateJSON
	Service     serviceJSON
	DNS         dnsJSON
	CreateIndex uint64 // not looked at in what is sent
	ModifyIndex uint64 // not looked at in what is sent
}

type templateJSON struct {
	Type            string
	Regexp          string
	RemoveEmptyTags bool
}

type serviceJSON struct {
	Service        string
	Failover       failoverJSON
	OnlyPassing    bool
	IgnoreCheckIDs []string
	Near           string
	Tags           []string
	NodeMeta       map[string]string
	ServiceMeta    map[string]string
	Connect        bool

	// Parts of what Holdfast leaves out; they may be sent if they say nothing.
	SamenessGroup string `json:",omitempty"`
	Peer          string `json:",omitempty"`
	Namespace     string `json:",omitempty"`
	Partition     string `json:",omitempty"`
}

type failoverJSON struct {
	NearestN    int
	Datacenters []string
	Targets     []targetJSON `json:",omitempty"`
}

type targetJSON struct {
	Datacenter string `json:",omitempty"`
	Peer       string `json:",omitempty"`
	Namespace  string `json:",omitempty"`
	Partition  string `json:",omitempty"`
}

type dnsJSON struct{ TTL string }

// metaJSON is what Consul repeats of the headers in the bodies of execute and explain.
type metaJSON struct {
	Index            uint64
	LastContact      int64 // nanoseconds
	KnownLeader      bool
	ConsistencyLevel string
}

// resultJSON is what a query gives.
type resultJSON struct {
	Service    string
	Nodes      []wire.Instance
	DNS        dnsJSON
	Datacenter string
	Failovers  int
	metaJSON
}

// explanationJSON is a query as it is executed.
type explanationJSON struct {
	Query queryJSON
	metaJSON
}

func toMeta(m cluster.QueryMeta) metaJSON {
	return metaJSON{LastContact: m.LastContact.Nanoseconds(), KnownLeader: m.KnownLeader, ConsistencyLevel: m.Consistency.String()}
}

func toQuery(q *cluster.PreparedQuery) queryJSON {
	s, f := &q.Service, &q.Service.Failover
	out := queryJSON{
		ID: q.ID, Name: q.Name, Session: q.Session, Token: q.Token, Template: templateJSON(q.Template), DNS: dnsJSON(q.DNS),
		CreateIndex: q.CreateIndex, ModifyIndex: q.ModifyIndex,
		Service: serviceJSON{
			Service: s.Service, Failover: failoverJSON{NearestN: f.NearestN, Datacenters: f.Datacenters}, OnlyPassing: s.OnlyPassing,
			IgnoreCheckIDs: s.IgnoreCheckIDs, Near: s.Near, Tags: s.Tags, NodeMeta: s.NodeMeta, ServiceMeta: s.ServiceMeta,
		},
	}
	for _, t := range f.Targets {
		out.Service.Failover.Targets = append(out.Service.Failover.Targets, targetJSON{Datacenter: t.Datacenter})
	}
	return out
}

// query is what a body asks for.
func (b *queryJSON) query() (cluster.PreparedQuery, error) {
	if err := b.leftOut(); err != nil {
		return cluster.PreparedQuery{}, err
	}
	s, f := &b.Service, &b.Service.Failover
	q := cluster.PreparedQuery{
		ID: b.ID, Name: b.Name, Session: b.Session, Token: b.Token, Template: cluster.QueryTemplate(b.Template), DNS: cluster.QueryDNS(b.DNS),
		Service: cluster.QueryService{
			Service: s.Service, Failover: cluster.QueryFailover{NearestN: f.NearestN, Datacenters: f.Datacenters}, OnlyPassing: s.OnlyPassing,
			IgnoreCheckIDs: s.IgnoreCheckIDs, Near: s.Near, Tags: s.Tags, NodeMeta: s.NodeMeta, ServiceMeta: s.ServiceMeta,
		},
	}
	for _, t := range f.Targets {
		q.Service.Failover.Targets = append(q.Service.Failover.Targets, cluster.QueryTarget{Datacenter: t.Datacenter})
	}
	return q, nil
}

// leftOut refuses what asks for a part of Consul that Holdfast leaves out: without it the query would find something else than was meant.
func (b *queryJSON) leftOut() error {
	s := &b.Service
	if s.Connect {
		return cluster.Errorf(cluster.Unsupported, "Service.Connect asks for the service mesh, which Holdfast leaves out: leave it out, or give false")
	}
	if s.Peer != "" {
		return cluster.Errorf(cluster.Unsupported, "Service.Peer asks for cluster peering, which Holdfast leaves out")
	}
	if !isDefault(s.Namespace) || !isDefault(s.Partition) || s.SamenessGroup != "" {
		return cluster.Errorf(cluster.Unsupported, "Service asks with Namespace, Partition or SamenessGroup for a part of Consul Enterprise: leave them out")
	}
	for i, t := range s.Failover.Targets {
		if t.Peer != "" {
			return cluster.Errorf(cluster.Unsupported, "Service.Failover.Targets[%d].Peer asks for cluster peering, which Holdfast leaves out: give a Datacenter", i)
		}
		if !isDefault(t.Namespace) || !isDefault(t.Partition) {
			return cluster.Errorf(cluster.Unsupported, "Service.Failover.Targets[%d] asks for a namespace or partition of Consul Enterprise: leave them out", i)
		}
	}
	return nil
}

func isDefault(s string) bool { return s == "" || strings.EqualFold(s, "default") }
