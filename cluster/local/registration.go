package local

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"

	"holdfast/cluster"
)

// Registration is a service with its checks, as the API or a config file gives it.
type Registration struct {
	Service       cluster.Service
	Checks        []cluster.CheckDefinition
	Token         string
	Source        Source
	ReplaceChecks bool // checks of the service that are not listed are removed
}

// prepare fills in what a registration leaves out, and says in one sentence what is wrong with it.
func (r *Registry) prepare(reg Registration) (*Service, []Check, error) {
	s := &Service{Service: reg.Service, Token: reg.Token, Source: reg.Source}
	s.Node, s.ID = r.opts.Node.Name, cmp.Or(s.ID, s.Name)
	s.TaggedAddresses = tagged(&s.Service)
	if s.Weights == (cluster.Weights{}) {
		s.Weights = cluster.DefaultWeights
	}
	if err := s.Validate(); err != nil {
		return nil, nil, err
	}
	if foreign(s.ID) {
		return nil, nil, cluster.Errorf(cluster.Invalid, "the service ID %q is the cluster's own: choose another", s.ID)
	}
	checks := make([]Check, 0, len(reg.Checks))
	for i, d := range reg.Checks {
		d.ServiceID = s.ID
		if d.ID == "" {
			d.ID = "service:" + s.ID
			if len(reg.Checks) > 1 {
				d.ID = fmt.Sprintf("service:%s:%d", s.ID, i+1)
			}
		}
		c, err := r.prepareCheck(d, reg.Token, reg.Source)
		if err != nil {
			return nil, nil, err
		}
		checks = append(checks, c)
	}
	return s, checks, nil
}

// tagged is the tagged addresses of an instance with what Consul's agent adds: an address that is an IP address stands under its family,
// too, unless the registration says something else there.
func tagged(s *cluster.Service) map[string]cluster.ServiceAddress {
	ip, err := netip.ParseAddr(s.Address)
	if err != nil {
		return s.TaggedAddresses
	}
	family := "_ipv6"
	if ip.Unmap().Is4() {
		family = "_ipv4"
	}
	all := map[string]cluster.ServiceAddress{}
	for _, network := range []string{"lan", "wan"} {
		all[network+family] = cluster.ServiceAddress{Address: s.Address, Port: s.Port}
	}
	maps.Copy(all, s.TaggedAddresses)
	return all
}

// prepareCheck makes the record of a check as the catalog will hold it before the first result.
func (r *Registry) prepareCheck(d cluster.CheckDefinition, token string, source Source) (Check, error) {
	if err := d.Validate(); err != nil {
		return Check{}, err
	}
	d.ID = cmp.Or(d.ID, d.Name)
	if foreign(d.ID) {
		return Check{}, cluster.Errorf(cluster.Invalid, "the check ID %q is the cluster's own: choose another", d.ID)
	}
	c := cluster.Check{
		Node: r.opts.Node.Name, ID: d.ID, Name: cmp.Or(d.Name, d.ID), Notes: d.Notes, ServiceID: d.ServiceID, Type: d.Kind(),
		Status: cmp.Or(d.InitialStatus, cluster.Critical),
	}
	if d.Interval > 0 {
		c.Interval = d.Interval.String()
	}
	if d.Timeout > 0 {
		c.Timeout = d.Timeout.String()
	}
	return Check{Check: c, Definition: d, Token: token, Source: source}, nil
}
