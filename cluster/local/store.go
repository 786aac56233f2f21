package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/local/journal"
)

// kept is what one record on disk holds of the API's registrations: a service with its checks, the checks of a service that a config
// file registers, or one check of the node.
type kept struct {
	Service *cluster.Service `json:",omitempty"`
	Token   string           `json:",omitempty"` // of the service
	Checks  []keptCheck
}

type keptCheck struct {
	cluster.CheckDefinition
	Token string `json:",omitempty"`
}

// recordOf names the record of a service or, where that is "", of a check of the node. IDs may hold any character.
func recordOf(serviceID, checkID string) string {
	if serviceID != "" {
		return "service:" + url.PathEscape(key(serviceID))
	}
	return "check:" + url.PathEscape(key(checkID))
}

// keptAfter is what the records that a change concerns hold after it.
func (r *Registry) keptAfter(ch change) map[string]kept {
	records := map[string]kept{}
	for _, s := range []*Service{ch.service, r.services[key(ch.dropService)]} {
		if s != nil {
			records[recordOf(s.ID, "")] = r.serviceAfter(s.ID, ch)
		}
	}
	touch := func(serviceID, checkID string) {
		if serviceID != "" {
			records[recordOf(serviceID, "")] = r.serviceAfter(serviceID, ch)
		} else if _, done := records[recordOf("", checkID)]; !done {
			records[recordOf("", checkID)] = kept{}
		}
	}
	for _, id := range ch.drop {
		touch(r.checks[key(id)].ServiceID, id)
	}
	for _, c := range ch.put {
		if old := r.checks[key(c.ID)]; old != nil && key(old.ServiceID) != key(c.ServiceID) {
			touch(old.ServiceID, c.ID)
		}
		touch(c.ServiceID, c.ID)
		if c.ServiceID == "" && c.Source == FromAPI {
			records[recordOf("", c.ID)] = kept{Checks: []keptCheck{{c.Definition, c.Token}}}
		}
	}
	return records
}

// serviceAfter is what the record of a service holds after a change.
func (r *Registry) serviceAfter(id string, ch change) kept {
	var k kept
	s := r.services[key(id)]
	switch {
	case ch.service != nil && key(ch.service.ID) == key(id):
		s = ch.service
	case key(ch.dropService) == key(id):
		s = nil
	}
	if s != nil && s.Source == FromAPI {
		k.Service, k.Token = &s.Service, s.Token
	}
	checks := map[string]keptCheck{}
	for ck, c := range r.of[key(id)] {
		if c.Source == FromAPI {
			checks[ck] = keptCheck{c.Definition, c.Token}
		}
	}
	for _, dropped := range ch.drop {
		delete(checks, key(dropped))
	}
	for _, c := range ch.put {
		if delete(checks, key(c.ID)); c.Source == FromAPI && key(c.ServiceID) == key(id) {
			checks[key(c.ID)] = keptCheck{c.Definition, c.Token}
		}
	}
	for _, ck := range slices.Sorted(maps.Keys(checks)) {
		k.Checks = append(k.Checks, checks[ck])
	}
	return k
}

// open opens the journal in which registrations are kept, and takes over what earlier versions kept in a file each. The caller holds changing.
func (r *Registry) open() error {
	if r.opts.Dir == "" || r.journal != nil {
		return nil
	}
	path := filepath.Join(r.opts.Dir, "journal")
	j, err := journal.Open(path, func(line int, err error) {
		r.log.Error("a kept registration is skipped", "file", path, "line", line, "error", err)
	})
	if err != nil {
		return fmt.Errorf("open kept registrations: %w", err)
	}
	if err := r.takeOver(j); err != nil {
		return errors.Join(err, j.Close())
	}
	r.journal = j
	return nil
}

// keep brings records to these contents, and leaves it to alone to make them last. The caller holds changing.
func (r *Registry) keep(records map[string]kept) error {
	if err := r.open(); err != nil || r.journal == nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(records)) {
		content := ""
		if k := records[name]; k.Service != nil || len(k.Checks) > 0 {
			b, err := json.Marshal(k)
			if err != nil {
				return fmt.Errorf("encode registration: %w", err)
			}
			content = string(b)
		}
		news, err := r.journal.Put(name, content)
		if err != nil {
			return fmt.Errorf("keep registration: %w", err)
		}
		r.unsynced = r.unsynced || news
	}
	return nil
}

// takeOver moves what versions before 0.2 kept, a file each, into the journal. What stands there already is newer. A file that cannot be read is
// named and left alone.
func (r *Registry) takeOver(j *journal.Journal) error {
	entries, err := os.ReadDir(r.opts.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read kept registrations: %w", err)
	}
	has := j.Records()
	var old []string
	for _, e := range entries {
		path := filepath.Join(r.opts.Dir, e.Name())
		if strings.HasPrefix(e.Name(), ".new-") { // a write that a crash cut off
			old = append(old, path)
		}
		if !isKept(e.Name()) {
			continue
		}
		name, content, err := readFile(path)
		if err != nil {
			r.log.Error("a kept registration is skipped", "file", path, "error", err)
			continue
		}
		if old = append(old, path); has[name] == "" {
			if _, err := j.Put(name, content); err != nil {
				return fmt.Errorf("take over %s: %w", path, err)
			}
		}
	}
	if len(old) == 0 {
		return nil
	}
	if err := j.Sync(context.Background()); err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("take over kept registrations: %w", err)
		}
	}
	return nil
}

// readFile is what a file of an earlier version becomes in the journal.
func readFile(path string) (name, content string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	k, err := parseKept(b)
	if err != nil {
		return "", "", err
	}
	b, err = json.Marshal(k)
	return k.record(), string(b), err
}

// record names the record that holds this.
func (k *kept) record() string {
	if k.Service != nil {
		return recordOf(k.Service.ID, "")
	}
	return recordOf(k.Checks[0].ServiceID, k.Checks[0].ID)
}

// isKept reports whether a file of an earlier version holds registrations.
func isKept(name string) bool {
	return (strings.HasPrefix(name, "service-") || strings.HasPrefix(name, "check-")) && strings.HasSuffix(name, ".json")
}
