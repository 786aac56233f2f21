package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Load registers what earlier runs of this agent kept on disk. A record that cannot be read is named and skipped. What a config file
// registers wins: call Load before Replace.
func (r *Registry) Load() error {
	records, err := r.records()
	if err != nil {
		return err
	}
	var alone []keptCheck
	for _, name := range slices.Sorted(maps.Keys(records)) {
		k, err := parseKept([]byte(records[name]))
		if err == nil && k.Service != nil {
			err = r.restoreService(k)
		} else if err == nil {
			alone = append(alone, k.Checks...)
		}
		if err != nil {
			r.log.Error("a kept registration is skipped", "record", name, "error", err)
		}
	}
	for _, k := range alone { // after the services: they may belong to one
		if err := r.restoreCheck(k); err != nil {
			r.log.Error("a kept check is skipped", "check", k.ID, "error", err)
		}
	}
	return nil
}

// records are what the journal holds.
func (r *Registry) records() (map[string]string, error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	if err := r.open(); err != nil || r.journal == nil {
		return nil, err
	}
	return r.journal.Records(), nil
}

func parseKept(b []byte) (kept, error) {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return kept{}, fmt.Errorf("it holds no registration: %w", err)
	}
	if k.Service == nil && len(k.Checks) == 0 {
		return kept{}, errors.New("it holds neither a service nor a check")
	}
	return k, nil
}

func (r *Registry) restoreService(k kept) error {
	s, _, err := r.prepare(Registration{Service: *k.Service, Token: k.Token, Source: FromAPI})
	if err != nil {
		return err
	}
	ch := change{service: s, loaded: true}
	for _, d := range k.Checks {
		d.ServiceID = s.ID
		c, err := r.prepareCheck(d.CheckDefinition, d.Token, FromAPI)
		if err != nil {
			return err
		}
		ch.put = append(ch.put, c)
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	return r.make(ch)
}

// restoreCheck registers a check, or sets it aside where a config file has yet to register its service.
func (r *Registry) restoreCheck(k keptCheck) error {
	c, err := r.prepareCheck(k.CheckDefinition, k.Token, FromAPI)
	if err != nil {
		return err
	}
	r.changing.Lock()
	defer r.changing.Unlock()
	if c.ServiceID != "" && r.services[key(c.ServiceID)] == nil {
		r.pending = append(r.pending, c)
		return nil
	}
	return r.make(change{put: []Check{c}, loaded: true})
}
