package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadDataDir(t *testing.T) {
	got, err := ReadDataDir("testdata/agent", time.Unix(1767225600, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := &DataDir{
		NodeID: "40e4a748-2192-161a-0510-9bf59fe950b5",
		Services: []map[string]any{
			{"ID": "db", "Service": "db", "Port": 5432.0},
			{
				"ID": "web-1", "Service": "web", "Tags": []any{"a"}, "Meta": map[string]any{"v": "1"}, "Port": 81.0, "Weights": map[string]any{"Passing": 3.0, "Warning": 1.0},
				"EnableTagOverride": false, "Proxy": map[string]any{}, "Connect": map[string]any{},
			},
		},
		Checks: []Check{
			{ID: "service:web-1:3", Name: "h2", ServiceID: "web-1", Definition: map[string]any{"H2PING": "127.0.0.1:81", "H2PingUseTLS": false, "Interval": "10s"}},
			{ID: "service:web-1:1", Name: "Service 'web' check", ServiceID: "web-1", Definition: map[string]any{
				"HTTP": "http://127.0.0.1:81/health", "Header": map[string]any{"X-A": []any{"b"}}, "Method": "HEAD", "Interval": 5e9, "Timeout": 1e9, "FailuresBeforeCritical": 3.0, "TTL": 0.0,
			}},
			{ID: "_service_maintenance:db", Name: "Service Maintenance Mode", Notes: "the disk is being replaced", ServiceID: "db"},
			{ID: "disk", Name: "disk", Definition: map[string]any{"ScriptArgs": []any{"/usr/lib/check_disk", "-w", "10%"}, "Interval": 30e9, "DeregisterCriticalServiceAfter": 5.4e12}},
			{ID: "service:web-1:2", Name: "heartbeat", Notes: "by the program", ServiceID: "web-1", Definition: map[string]any{"TTL": 3.6e12}, Status: "passing"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it was read otherwise (-want +got):\n%s", diff)
	}
	later, err := ReadDataDir("testdata/agent", time.Unix(4102444801, 0))
	if err != nil || later.Checks[4].Status != "" {
		t.Errorf("after its TTL a check is still %q (%v)", later.Checks[4].Status, err)
	}
}

func TestReadDataDirRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, content, want string }{
		"another directory":      {"x", "", "is no data directory of a Consul agent"},
		"a service cut off":      {"services/x", `{"Service":{"ID":"a"`, "services/x is not what a Consul agent keeps: unexpected end of JSON input"},
		"a service without ID":   {"services/x", `{"Service":{}}`, `it has no "Service" with an "ID"`},
		"a check of nothing":     {"checks/x", `{}`, `it has no "Check" with a "CheckID"`},
		"a state that says none": {"checks/state/x", `[]`, "checks/state/x is not what a Consul agent keeps"},
	} {
		dir := t.TempDir()
		at := filepath.Join(dir, c.file)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadDataDir(dir, time.Now()); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// FuzzDataDir holds that no file breaks the reader, and that what it takes has IDs.
func FuzzDataDir(f *testing.F) {
	for _, pattern := range []string{"services/*", "checks/*", "checks/state/*"} {
		names, err := filepath.Glob(filepath.Join("testdata/agent", pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, told := &DataDir{}, map[string]string{}
		_, _, _ = d.service(b), readTold(b, told, time.Unix(0, 0)), d.check(b, told)
		for _, s := range d.Services {
			if id, _ := s["ID"].(string); id == "" {
				t.Error("a service without an ID")
			}
		}
		for _, c := range d.Checks {
			if c.ID == "" {
				t.Error("a check without an ID")
			}
		}
	})
}
