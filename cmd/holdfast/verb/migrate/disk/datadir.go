package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// DataDir is what programs have registered with an agent, as its data directory has it. The objects are as the API prints them.
type DataDir struct {
	NodeID   string // "" where the configuration gives it
	Services []map[string]any
	Checks   []Check
}

// Check is a check that was registered with an agent.
type Check struct {
	ID, Name, Notes string
	ServiceID       string         // "" for one of the node
	Definition      map[string]any // what the agent does, in the API's fields; nil for maintenance
	Status          string         // that a program has given it, and that still counts; "" where there is none
}

// serviceFile is a file of services/*.
type serviceFile struct {
	Service map[string]any
}

// checkFile is a file of checks/*.
type checkFile struct {
	Check   *struct{ CheckID, Name, Notes, ServiceID string }
	ChkType map[string]any
}

// stateFile is a file of checks/state/*.
type stateFile struct {
	CheckID, Status string
	Expires         int64 // seconds since 1970
}

// ReadDataDir reads the data directory of an agent, which may be running. What TTL checks have been told counts if it has not run out now.
func ReadDataDir(dir string, now time.Time) (*DataDir, error) {
	d := &DataDir{}
	known := false
	for _, name := range []string{"services", "checks", "raft", "serf", "node-id"} {
		_, err := os.Stat(filepath.Join(dir, name))
		known = known || err == nil
	}
	if !known {
		return nil, fmt.Errorf("%s is no data directory of a Consul agent: it has none of services, checks, raft, serf and node-id", dir)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "node-id")); err == nil {
		d.NodeID = strings.TrimSpace(string(b))
	}
	told := map[string]string{}
	for _, part := range []struct {
		dir  string
		read func([]byte) error
	}{
		{"services", func(b []byte) error { return d.service(b) }},
		{"checks/state", func(b []byte) error { return readTold(b, told, now) }},
		{"checks", func(b []byte) error { return d.check(b, told) }},
	} {
		if err := eachFile(filepath.Join(dir, part.dir), part.read); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// eachFile gives the content of each file of a directory to see. One that does not exist is empty.
func eachFile(dir string, read func([]byte) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the data directory: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".tmp") {
			continue // a directory, or what the agent is writing
		}
		name := filepath.Join(dir, e.Name())
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deregistered meanwhile
		}
		if err == nil {
			err = read(b)
		}
		if err != nil {
			return fmt.Errorf("%s is not what a Consul agent keeps: %w", name, err)
		}
	}
	return nil
}

func (d *DataDir) service(b []byte) error {
	var f serviceFile
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if id, _ := f.Service["ID"].(string); id == "" {
		return errors.New(`it has no "Service" with an "ID"`)
	}
	d.Services = append(d.Services, f.Service)
	return nil
}

func (d *DataDir) check(b []byte, told map[string]string) error {
	var f checkFile
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.Check == nil || f.Check.CheckID == "" {
		return errors.New(`it has no "Check" with a "CheckID"`)
	}
	c := f.Check
	d.Checks = append(d.Checks, Check{ID: c.CheckID, Name: c.Name, Notes: c.Notes, ServiceID: c.ServiceID, Definition: f.ChkType, Status: told[c.CheckID]})
	return nil
}

// readTold notes what a TTL check was told, if it counts still.
func readTold(b []byte, told map[string]string, now time.Time) error {
	var f stateFile
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.CheckID == "" {
		return errors.New(`it has no "CheckID"`)
	}
	if f.Expires > now.Unix() {
		told[f.CheckID] = f.Status
	}
	return nil
}
