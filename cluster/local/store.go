package local

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast/cluster"
)

// saved is a registration from the API as it is kept on disk, one file each.
type saved struct {
	Service *cluster.Service          `json:",omitempty"`
	Checks  []cluster.CheckDefinition // of the service, or the one check
	Token   string                    `json:",omitempty"`
}

// IDs may hold any character, so files are named by their hash.
func serviceFile(id string) string { return fileName("service", id) }
func checkFile(id string) string   { return fileName("check", id) }

func fileName(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	return kind + "-" + hex.EncodeToString(sum[:16]) + ".json"
}

func (r *Registry) saveServiceLocked(s *Service, checks []cluster.CheckDefinition) error {
	if s.Source != FromAPI {
		return r.forgetLocked(serviceFile(s.ID)) // the config file speaks now
	}
	return r.saveLocked(serviceFile(s.ID), saved{Service: &s.Service, Checks: checks, Token: s.Token})
}

func (r *Registry) saveCheckLocked(d cluster.CheckDefinition, token string, source Source) error {
	if source != FromAPI {
		return r.forgetLocked(checkFile(d.ID))
	}
	return r.saveLocked(checkFile(d.ID), saved{Checks: []cluster.CheckDefinition{d}, Token: token})
}

// saveLocked writes a file in one step: a crash leaves the old or the new one.
func (r *Registry) saveLocked(name string, v saved) error {
	if r.opts.Dir == "" {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode registration: %w", err)
	}
	if err := os.MkdirAll(r.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("make directory for registrations: %w", err)
	}
	tmp, err := os.CreateTemp(r.opts.Dir, ".new-*")
	if err != nil {
		return fmt.Errorf("keep registration: %w", err)
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(r.opts.Dir, name))
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the write has failed already; a leftover is skipped by Load
		return fmt.Errorf("keep registration: %w", err)
	}
	return nil
}

func (r *Registry) forgetLocked(name string) error {
	if r.opts.Dir == "" {
		return nil
	}
	if err := os.Remove(filepath.Join(r.opts.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget registration: %w", err)
	}
	return nil
}

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
	for _, pass := range []string{"service-", "check-"} { // services first: a check may belong to one
		for _, e := range entries {
			name := filepath.Join(r.opts.Dir, e.Name())
			if len(e.Name()) < len(pass) || e.Name()[:len(pass)] != pass {
				continue
			}
			if err := r.load(name); err != nil {
				r.log.Error("a kept registration is skipped", "file", name, "error", err)
			}
		}
	}
	return nil
}

func (r *Registry) load(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var v saved
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("not a registration: %w", err)
	}
	if v.Service != nil {
		return r.RegisterService(Registration{Service: *v.Service, Checks: v.Checks, Token: v.Token, Source: FromAPI})
	}
	for _, d := range v.Checks {
		if err := r.RegisterCheck(d, v.Token, FromAPI); err != nil {
			return err
		}
	}
	return nil
}
