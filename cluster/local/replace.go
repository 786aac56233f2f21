package local

import (
	"errors"
	"slices"

	"holdfast/cluster"
)

// Replace makes the registrations from config files exactly these: the others of that source are removed, unchanged ones run on. After
// the first Replace the catalog is made to hold what is registered here and nothing else. What is wrong with one of them is found before
// any is taken.
func (r *Registry) Replace(services []Registration, checks []cluster.CheckDefinition) error {
	services = slices.Clone(services)
	keepService, keepCheck, err := r.prepareAll(services, checks)
	if err != nil {
		return err
	}
	for _, reg := range services {
		if err := r.RegisterService(reg); err != nil {
			return err
		}
	}
	for _, d := range checks {
		if err := r.RegisterCheck(d, "", FromConfig); err != nil {
			return err
		}
	}
	if err := r.dropOthers(keepService, keepCheck); err != nil {
		return err
	}
	r.settle()
	return nil
}

// prepareAll answers the keys of the services and checks of a configuration, or what is wrong with it.
func (r *Registry) prepareAll(services []Registration, checks []cluster.CheckDefinition) (serviceKeys, checkKeys map[string]bool, err error) {
	serviceKeys, checkKeys = map[string]bool{}, map[string]bool{}
	for i := range services {
		services[i].Source, services[i].ReplaceChecks = FromConfig, false // dropOthers goes through all checks at once
		s, listed, err := r.prepare(services[i])
		if err != nil {
			return nil, nil, err
		}
		serviceKeys[key(s.ID)] = true
		for _, c := range listed {
			checkKeys[key(c.ID)] = true
		}
	}
	known := r.Services()
	for _, d := range checks {
		c, err := r.prepareCheck(d, "", FromConfig)
		if err != nil {
			return nil, nil, err
		}
		if s := known[d.ServiceID]; d.ServiceID != "" && !serviceKeys[key(d.ServiceID)] && (s == nil || s.Source == FromConfig) {
			return nil, nil, noService(d.ServiceID)
		}
		checkKeys[key(c.ID)] = true
	}
	return serviceKeys, checkKeys, nil
}

// dropOthers deregisters what a config file registered and none does any more.
func (r *Registry) dropOthers(services, checks map[string]bool) error {
	var failed error
	for id, s := range r.Services() {
		if s.configured() && !services[key(id)] {
			failed = errors.Join(failed, gone(r.deregisterService(id, (*Service).configured)))
		}
	}
	for id, c := range r.Checks() {
		if c.configured() && !checks[key(id)] {
			failed = errors.Join(failed, gone(r.deregisterCheck(id, (*Check).configured)))
		}
	}
	return failed
}

func (s *Service) configured() bool { return s.Source == FromConfig }
func (c *Check) configured() bool   { return c.Source == FromConfig }

// gone is an error of a deregistration, but for that somebody else has removed the same meanwhile.
func gone(err error) error {
	if cluster.CodeOf(err) == cluster.NotFound {
		return nil
	}
	return err
}

// settle says that what is to be registered at the start is registered.
func (r *Registry) settle() {
	r.changing.Lock()
	for _, c := range r.pending {
		r.log.Warn("a kept check waits for its service, which is not registered", "check", c.ID, "service", c.Definition.ServiceID)
	}
	r.changing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = true
	r.todo.all = true
	r.changedLocked()
}
