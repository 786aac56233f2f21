package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/failover/render"
)

// TestFiles holds that config files of consul-template are read for the verb, and that what has no effect is named.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.hcl":  `consul { address = "10.0.0.1:8500" retry { enabled = true } transport { dial_timeout = "1s" } } log_level = "warn" wait { min = "5s" max = "10s" } template { source = "a" destination = "b" } vault { address = "x" }`,
		"b.json": `{"template": {"source": "c", "destination": "d"}, "once": true, "default_delimiters": {"left": "<<"}, "log_level": "warn"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, warnings, err := Load([]string{dir})
	if err != nil || len(f.Template) != 2 || f.Template[0].Source != "a" || f.Template[1].Destination != "d" || !f.Once || f.Delimiters.Left != "<<" || f.Consul.Address != "10.0.0.1:8500" {
		t.Errorf("%+v, %v", f, err)
	}
	if w, err := f.DefaultWait(); err != nil || w != (render.Wait{Min: 5 * time.Second, Max: 10 * time.Second}) {
		t.Errorf("%v, %v", w, err)
	}
	if got := strings.Join(warnings, "\n"); !strings.Contains(got, `the key "vault" has no effect here`) {
		t.Error(got)
	}
	bad := filepath.Join(dir, "c.hcl")
	if err := os.WriteFile(bad, []byte(`template { sorce = "a" destination = "b" }`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load([]string{bad}); err == nil || !strings.Contains(err.Error(), "sorce") {
		t.Errorf("%v", err)
	}
}
