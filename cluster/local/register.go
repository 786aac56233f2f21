package local

import (
	"context"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/check"
)

// Registration is a service with its checks, as the API or a config file gives it.
type Registration struct {
	Service       cluster.Service
	Checks        []cluster.CheckDefinition
	Token         string
	Source        Source
	ReplaceChecks bool // checks of the service that are not listed are removed
}

// RegisterService registers or replaces a service and its checks, all or nothing, and starts the checks.
func (r *Registry) RegisterService(reg Registration) error {
	s := &Service{Service: reg.Service, Token: reg.Token, Source: reg.Source}
	s.Node = r.opts.Node.Name
	if s.Weights == (cluster.Weights{}) {
		s.Weights = cluster.DefaultWeights
	}
	if err := s.Validate(); err != nil {
		return err
	}
	if foreign(s.ID) {
		return cluster.Errorf(cluster.Invalid, "the service ID %q is the cluster's own: choose another", s.ID)
	}
	for i := range reg.Checks {
		reg.Checks[i].ServiceID = s.ID
		if err := reg.Checks[i].Validate(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.saveServiceLocked(s, reg.Checks); err != nil {
		return err
	}
	r.services[s.ID] = s
	keep := map[string]bool{}
	for _, d := range reg.Checks {
		keep[d.ID] = true
		r.putCheckLocked(d, reg.Token, reg.Source)
	}
	if reg.ReplaceChecks {
		for _, id := range r.checksOfLocked(s.ID) {
			if !keep[id] {
				r.dropCheckLocked(id)
			}
		}
	}
	r.changed()
	return nil
}

// DeregisterService removes a service and its checks.
func (r *Registry) DeregisterService(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.services[id] == nil {
		return cluster.Errorf(cluster.NotFound, "Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id)
	}
	if err := r.forgetLocked(serviceFile(id)); err != nil {
		return err
	}
	delete(r.services, id)
	for _, c := range r.checksOfLocked(id) {
		r.dropCheckLocked(c)
	}
	r.changed()
	return nil
}

// RegisterCheck registers or replaces one check of the node or of a service that is registered here, and starts it.
func (r *Registry) RegisterCheck(d cluster.CheckDefinition, token string, source Source) error {
	if err := d.Validate(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.ServiceID != "" && r.services[d.ServiceID] == nil {
		return cluster.Errorf(cluster.NotFound, "ServiceID %q does not exist: register the service before its check", d.ServiceID)
	}
	if foreign(d.ID) {
		return cluster.Errorf(cluster.Invalid, "the check ID %q is the cluster's own: choose another", d.ID)
	}
	if err := r.saveCheckLocked(d, token, source); err != nil {
		return err
	}
	r.putCheckLocked(d, token, source)
	r.changed()
	return nil
}

// DeregisterCheck removes one check.
func (r *Registry) DeregisterCheck(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks[id] == nil {
		return cluster.Errorf(cluster.NotFound, "Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)
	}
	if err := r.forgetLocked(checkFile(id)); err != nil {
		return err
	}
	r.dropCheckLocked(id)
	r.changed()
	return nil
}

// UpdateTTL takes the result of a TTL check from whoever keeps it.
func (r *Registry) UpdateTTL(id string, status cluster.Status, output string) error {
	if !status.Valid() {
		return cluster.Errorf(cluster.Invalid, "Invalid check status: %q; want passing, warning or critical", status)
	}
	r.mu.Lock()
	c := r.checks[id]
	r.mu.Unlock()
	switch {
	case c == nil:
		return cluster.Errorf(cluster.NotFound, "Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)
	case c.ttl == nil:
		return cluster.Errorf(cluster.Invalid, "check ID %q is not a TTL check: only those are updated from outside", id)
	}
	c.ttl.Update(check.Result{Status: status, Output: output})
	return nil
}

// putCheckLocked registers or replaces a check. A check that stays the same keeps running and keeps its result.
func (r *Registry) putCheckLocked(d cluster.CheckDefinition, token string, source Source) {
	old := r.checks[d.ID]
	if old != nil && d.Equal(&old.Definition) {
		old.Token, old.Source = token, source
		r.describeLocked(old)
		return
	}
	c := &runningCheck{Check: Check{Check: r.record(&d), Definition: d, Token: token, Source: source}}
	if old != nil {
		c.Status, c.Output, c.since = old.Status, old.Output, old.since
		r.stopLocked(old)
	} else if d.InitialStatus == "" {
		c.restore(r.catalog.WatchView().NodeChecks(r.opts.Node.Name))
	}
	if c.Status == cluster.Critical && c.since.IsZero() {
		c.since = time.Now()
	}
	r.describeLocked(c)
	r.checks[d.ID] = c
	r.startLocked(c)
}

// record is what the catalog will hold of a check before its first result.
func (r *Registry) record(d *cluster.CheckDefinition) cluster.Check {
	c := cluster.Check{Node: r.opts.Node.Name, ID: d.ID, Name: d.Name, Notes: d.Notes, ServiceID: d.ServiceID, Status: cluster.Critical, Type: d.Kind()}
	if d.InitialStatus != "" {
		c.Status = d.InitialStatus
	}
	if d.Interval > 0 {
		c.Interval = d.Interval.String()
	}
	if d.Timeout > 0 {
		c.Timeout = d.Timeout.String()
	}
	return c
}

// describeLocked copies what a check shows of its service.
func (r *Registry) describeLocked(c *runningCheck) {
	if s := r.services[c.ServiceID]; s != nil {
		c.ServiceName, c.ServiceTags = s.Name, s.Tags
	}
}

// restore takes over the result that the catalog remembers, so that a restart of the agent does not turn a healthy service critical.
func (c *runningCheck) restore(known []*cluster.Check) {
	for _, k := range known {
		if k.ID == c.ID && k.ServiceID == c.ServiceID && k.Type == c.Type {
			c.Status, c.Output = k.Status, k.Output
		}
	}
}

func (r *Registry) dropCheckLocked(id string) {
	r.stopLocked(r.checks[id])
	delete(r.checks, id)
}

// Replace makes the registrations from config files exactly these: the others of that source are removed, unchanged ones run on.
func (r *Registry) Replace(services []Registration, checks []cluster.CheckDefinition) error {
	keepService, keepCheck := map[string]bool{}, map[string]bool{}
	for _, s := range services {
		s.Source, s.ReplaceChecks = FromConfig, true
		keepService[s.Service.ID] = true
		if err := r.RegisterService(s); err != nil {
			return err
		}
	}
	for _, d := range checks {
		keepCheck[d.ID] = true
		if err := r.RegisterCheck(d, "", FromConfig); err != nil {
			return err
		}
	}
	for id, s := range r.Services() {
		if s.Source == FromConfig && !keepService[id] {
			if err := r.DeregisterService(id); err != nil {
				return err
			}
		}
	}
	for id, c := range r.Checks() {
		if c.Source == FromConfig && c.ServiceID == "" && !keepCheck[id] {
			if err := r.DeregisterCheck(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sync waits until the catalog holds what is registered here, or ctx ends.
func (r *Registry) Sync(ctx context.Context) error {
	for {
		view := r.catalog.WatchView()
		if len(r.compare(view, time.Now())) == 0 {
			return nil
		}
		r.changed()
		if err := view.Wait(ctx); err != nil {
			return err
		}
	}
}
