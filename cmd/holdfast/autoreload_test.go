package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestAutoReload holds that a file which changes, in place or by another in its stead, is read without a signal, that what stays the same runs on, and
// that a bad one changes nothing.
func TestAutoReload(t *testing.T) {
	t.Parallel()
	dir, alone, runs := t.TempDir(), filepath.Join(t.TempDir(), "alone.hcl"), filepath.Join(t.TempDir(), "runs")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(alone, `auto_reload_config = true enable_local_script_checks = true
		service { name = "kept" check { args = ["sh", "-c", "echo >> `+runs+`"] interval = "1h" } }`)
	write(filepath.Join(dir, "a.json"), `{"service": {"name": "a1"}}`)
	c := startAgent(t, "", "-dev", "-config-file", alone, "-config-dir", dir)
	c.await(leadLine)
	c.has("kept", "a1")
	eventually(t, "the first run of the check", func() bool { return lines(t, runs) == 1 })
	write(filepath.Join(dir, "a.json"), `{"service": {"name": "a2"}}`) // in place
	c.has("kept", "a2")
	write(filepath.Join(dir, "b.hcl"), `service { name = "b1" }`) // a new one
	c.has("kept", "a2", "b1")
	write(filepath.Join(dir, "b.tmp"), `service { name = "b2" }`)
	if err := os.Rename(filepath.Join(dir, "b.tmp"), filepath.Join(dir, "b.hcl")); err != nil {
		t.Fatal(err)
	}
	c.has("kept", "a2", "b2")
	write(filepath.Join(dir, "a.json"), `{"service": {"nam": "a3"}}`)
	c.await(regexp.MustCompile(`level=ERROR msg="the configuration is not taken, the old one stays" error="config file .*a.json: unknown key`))
	c.has("kept", "a2", "b2")
	if err := os.Remove(filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	c.has("kept", "b2")
	write(filepath.Join(dir, "notes.txt"), "nothing of ours")
	if n := lines(t, runs); n != 1 {
		t.Errorf("the check that stayed the same has run %d times: a reload starts it again", n)
	}
}
