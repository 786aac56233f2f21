package local

import (
	"holdfast/cluster"
	"holdfast/cluster/check"
)

// RegisterService registers or replaces a service and its checks, all or nothing, and starts the checks.
func (r *Registry) RegisterService(reg Registration) error {
	s, checks, err := r.prepare(reg)
	if err != nil {
		return err
	}
	return r.alone(func() error { return r.make(r.registration(s, checks, reg.ReplaceChecks)) })
}

// registration is the change that registers a service. The caller holds changing.
func (r *Registry) registration(s *Service, checks []Check, replace bool) change {
	ch := change{service: s, put: checks}
	listed := map[string]bool{}
	for _, c := range checks {
		listed[key(c.ID)] = true
	}
	old := r.services[key(s.ID)]
	takenOver := old != nil && old.Source == FromAPI && s.Source == FromConfig
	for k, c := range r.of[key(s.ID)] {
		// A config file speaks for the checks that came from one; what came through the API stays, unless the service itself did. Maintenance is
		// an operator's word: a program that registers its service anew does not end it.
		if !listed[k] && !c.Definition.Maintenance && (replace && (s.Source == FromAPI || c.Source == FromConfig) || takenOver && c.Source == FromAPI) {
			ch.drop = append(ch.drop, c.ID)
		}
	}
	if s.Source == FromConfig || !replace {
		for _, c := range r.pending {
			if key(c.Definition.ServiceID) == key(s.ID) && !listed[key(c.ID)] {
				ch.put = append(ch.put, c)
			}
		}
	}
	return ch
}

// DeregisterService removes a service and its checks.
func (r *Registry) DeregisterService(id string) error {
	return r.deregisterService(id, func(*Service) bool { return true })
}

// deregisterService removes a service and its checks if it is still what it was found to be: somebody may have registered it again.
func (r *Registry) deregisterService(id string, still func(*Service) bool) error {
	return r.alone(func() error {
		s := r.services[key(id)]
		switch {
		case s == nil:
			return unknownService(id)
		case !still(s):
			return nil
		}
		ch := change{dropService: s.ID}
		for _, c := range r.of[key(id)] {
			ch.drop = append(ch.drop, c.ID)
		}
		return r.make(ch)
	})
}

// RegisterCheck registers or replaces one check of the node or of a service that is registered here, and starts it.
func (r *Registry) RegisterCheck(d cluster.CheckDefinition, token string, source Source) error {
	c, err := r.prepareCheck(d, token, source)
	if err != nil {
		return err
	}
	return r.alone(func() error {
		if d.ServiceID != "" {
			s := r.services[key(d.ServiceID)]
			if s == nil {
				return noService(d.ServiceID)
			}
			c.ServiceID, c.Definition.ServiceID = s.ID, s.ID
		}
		return r.make(change{put: []Check{c}})
	})
}

// DeregisterCheck removes one check.
func (r *Registry) DeregisterCheck(id string) error {
	return r.deregisterCheck(id, func(*Check) bool { return true })
}

// deregisterCheck is deregisterService for one check.
func (r *Registry) deregisterCheck(id string, still func(*Check) bool) error {
	return r.alone(func() error {
		c := r.checks[key(id)]
		switch {
		case c == nil:
			return unknownCheck(id)
		case !still(&c.Check):
			return nil
		}
		return r.make(change{drop: []string{c.ID}})
	})
}

func noService(id string) error {
	return cluster.Errorf(cluster.NotFound, "ServiceID %q does not exist: register the service before its check", id)
}

func unknownService(id string) error {
	return cluster.Errorf(cluster.NotFound, "Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id)
}

func unknownCheck(id string) error {
	return cluster.Errorf(cluster.NotFound, "Unknown check ID %q. Ensure that the check ID is passed, not the check name.", id)
}

// UpdateTTL takes the result of a TTL check from whoever keeps it.
func (r *Registry) UpdateTTL(id string, status cluster.Status, output string) error {
	if !status.Valid() {
		return cluster.Errorf(cluster.Invalid, "Invalid check status: %q; want passing, warning or critical", status)
	}
	for c := r.check(id); ; {
		switch {
		case c == nil:
			return unknownCheck(id)
		case c.ttl == nil:
			return cluster.Errorf(cluster.Invalid, "CheckID %q does not have associated TTL: only TTL checks are updated from outside", id)
		}
		c.ttl.Update(check.Result{Status: status, Output: output})
		now := r.check(id)
		if now == c {
			return nil
		}
		c = now // it was replaced meanwhile: the update is for what there is now
	}
}

func (r *Registry) check(id string) *runningCheck {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checks[key(id)]
}
