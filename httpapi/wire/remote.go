package wire

import (
	"holdfast/cluster"
	"holdfast/cluster/state"
)

// ToInstance reads back an instance that another datacenter shows.
func ToInstance(w *Instance) (state.Instance, error) {
	n, s := &w.Node, &w.Service
	if n.Node == "" || s.Service == "" {
		return state.Instance{}, cluster.Errorf(cluster.Invalid, "an instance of another datacenter has no node or no service")
	}
	i := state.Instance{
		Node: &cluster.Node{
			ID: n.ID, Name: n.Node, Address: n.Address, Datacenter: n.Datacenter, TaggedAddresses: n.TaggedAddresses, Meta: n.Meta, CreateIndex: n.CreateIndex, ModifyIndex: n.ModifyIndex,
		},
		Service: &cluster.Service{
			Node: n.Node, ID: s.ID, Name: s.Service, Kind: s.Kind, Tags: s.Tags, Address: s.Address, TaggedAddresses: ServiceAddressesOf(s.TaggedAddresses), Meta: s.Meta, Port: s.Port,
			SocketPath: s.SocketPath, Weights: WeightsOf(&s.Weights), EnableTagOverride: s.EnableTagOverride, Locality: LocalityOf(s.Locality),
			CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
		},
	}
	for _, c := range w.Checks {
		status := cluster.Status(c.Status)
		if !status.Valid() {
			status = cluster.Critical // of a version that knows more than we do
		}
		i.Checks = append(i.Checks, &cluster.Check{
			Node: c.Node, ID: c.CheckID, Name: c.Name, Status: status, Notes: c.Notes, Output: c.Output, ServiceID: c.ServiceID, ServiceName: c.ServiceName, ServiceTags: c.ServiceTags,
			Type: c.Type, Interval: c.Interval, Timeout: c.Timeout, CreateIndex: c.CreateIndex, ModifyIndex: c.ModifyIndex,
		})
	}
	return i, nil
}
