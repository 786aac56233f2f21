package local

import (
	"cmp"

	"holdfast/cluster"
)

// What the catalog shows of maintenance. The names and the reasons where none is given are Consul's: people look for them.
const (
	nodeMaintenanceName    = "Node Maintenance Mode"
	serviceMaintenanceName = "Service Maintenance Mode"
	noNodeReason           = "Maintenance mode is enabled for this node, but no reason was provided. This is a default message."
	noServiceReason        = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."
)

// Maintain puts a service into maintenance, or, where serviceID is "", the whole node. It stays so, over restarts and new registrations of
// the service, until EndMaintenance. What is in maintenance already keeps its reason.
func (r *Registry) Maintain(serviceID, reason, token string) error {
	return r.alone(func() error {
		d := cluster.CheckDefinition{
			ID: cluster.NodeMaintenance, Name: nodeMaintenanceName, Notes: cmp.Or(reason, noNodeReason), Maintenance: true, InitialStatus: cluster.Critical,
		}
		if serviceID != "" {
			s := r.services[key(serviceID)]
			if s == nil {
				return unknownService(serviceID)
			}
			d.ID, d.Name, d.Notes, d.ServiceID = cluster.ServiceMaintenance+s.ID, serviceMaintenanceName, cmp.Or(reason, noServiceReason), s.ID
		}
		if c := r.checks[key(d.ID)]; c != nil && c.Definition.Maintenance {
			return nil
		}
		c, err := r.prepareCheck(d, token, FromAPI)
		if err != nil {
			return err
		}
		return r.make(change{put: []Check{c}})
	})
}

// EndMaintenance lifts what Maintain did. It is no error where nothing is to be lifted.
func (r *Registry) EndMaintenance(serviceID string) error {
	return r.alone(func() error {
		id := cluster.NodeMaintenance
		if serviceID != "" {
			if r.services[key(serviceID)] == nil {
				return unknownService(serviceID)
			}
			id = cluster.ServiceMaintenance + serviceID
		}
		if r.checks[key(id)] == nil {
			return nil
		}
		return r.make(change{drop: []string{id}})
	})
}
