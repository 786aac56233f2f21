package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Load registers what earlier runs of this agent kept on disk. A file that cannot be read is named and skipped. What a config file
// registers wins: call Load before Replace.
func (r *Registry) Load() error {
	if r.opts.Dir == "" {
		return nil
	}
	entries, err := os.ReadDir(r.opts.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read kept registrations: %w", err)
	}
	var alone []keptCheck
	for _, e := range entries {
		name := filepath.Join(r.opts.Dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), unfinished):
			_ = os.Remove(name) // a write that a crash cut off; it harms nobody
		case isKept(e.Name()):
			k, err := r.load(e.Name())
			if err == nil && k.Service != nil {
				err = r.restoreService(k)
			} else if err == nil {
				alone = append(alone, k.Checks...)
			}
			if err != nil {
				r.log.Error("a kept registration is skipped", "file", name, "error", err)
			}
		}
	}
	for _, k := range alone { // after the services: they may belong to one
		if err := r.restoreCheck(k); err != nil {
			r.log.Error("a kept check is skipped", "check", k.ID, "error", err)
		}
	}
	return nil
}

func (r *Registry) load(name string) (kept, error) {
	b, err := os.ReadFile(filepath.Join(r.opts.Dir, name))
	if err != nil {
		return kept{}, err
	}
	k, err := parseKept(b)
	if err != nil {
		return kept{}, err
	}
	r.changing.Lock()
	r.files[name] = string(b)
	r.changing.Unlock()
	return k, nil
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
