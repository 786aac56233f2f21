package local

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/cluster"
)

// kept is what one file on disk holds of the API's registrations: a service with its checks, the checks of a service that a config
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

// fileOf names the file of a service or, where that is "", of a check of the node. IDs may hold any character, so files are named by
// their hash.
func fileOf(serviceID, checkID string) string {
	kind, id := "service", serviceID
	if id == "" {
		kind, id = "check", checkID
	}
	sum := sha256.Sum256([]byte(key(id)))
	return kind + "-" + hex.EncodeToString(sum[:16]) + ".json"
}

// keptAfter is what the files that a change concerns hold after it.
func (r *Registry) keptAfter(ch change) map[string]kept {
	files := map[string]kept{}
	for _, s := range []*Service{ch.service, r.services[key(ch.dropService)]} {
		if s != nil {
			files[fileOf(s.ID, "")] = r.serviceAfter(s.ID, ch)
		}
	}
	touch := func(serviceID, checkID string) {
		if serviceID != "" {
			files[fileOf(serviceID, "")] = r.serviceAfter(serviceID, ch)
		} else if _, done := files[fileOf("", checkID)]; !done {
			files[fileOf("", checkID)] = kept{}
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
			files[fileOf("", c.ID)] = kept{Checks: []keptCheck{{c.Definition, c.Token}}}
		}
	}
	return files
}

// serviceAfter is what the file of a service holds after a change.
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

// keep brings files to these contents, and leaves it to alone to make their names last. The caller holds changing.
func (r *Registry) keep(files map[string]kept) error {
	if r.opts.Dir == "" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := ""
		if k := files[name]; k.Service != nil || len(k.Checks) > 0 {
			b, err := json.Marshal(k)
			if err != nil {
				return fmt.Errorf("encode registration: %w", err)
			}
			content = string(b)
		}
		if r.files[name] == content {
			continue
		}
		if err := replaceFile(r.opts.Dir, name, content); err != nil {
			return err
		}
		r.renamed, r.files[name] = true, content
	}
	return nil
}

// replaceFile writes a file in one step, or with no content removes it: a crash leaves the old or the new one.
func replaceFile(dir, name, content string) error {
	if content == "" {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget registration: %w", err)
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory for registrations: %w", err)
	}
	tmp, err := os.CreateTemp(dir, unfinished+"*")
	if err != nil {
		return fmt.Errorf("keep registration: %w", err)
	}
	_, err = tmp.WriteString(content)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the write has failed already; a leftover is removed by Load
		return fmt.Errorf("keep registration: %w", err)
	}
	return nil
}

// unfinished begins the name of a file that is being written.
const unfinished = ".new-"

// syncDir makes names in a directory survive a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever kept
	}
	if err != nil {
		return fmt.Errorf("keep registration: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("keep registration: %w", err)
	}
	return nil
}

// isKept reports whether a file of the directory holds registrations.
func isKept(name string) bool {
	return (strings.HasPrefix(name, "service-") || strings.HasPrefix(name, "check-")) && strings.HasSuffix(name, ".json")
}
