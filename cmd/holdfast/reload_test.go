package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// reloaded sends SIGHUP and waits until the log has a new line like this.
func (c *child) reloaded(line string) {
	c.t.Helper()
	before := len(c.log.String())
	c.signal(syscall.SIGHUP)
	r := regexp.MustCompile(line)
	eventually(c.t, "log line "+line, func() bool { return r.MatchString(c.log.String()[before:]) })
}

// has waits until the agent has these services and no others.
func (c *child) has(services ...string) {
	c.t.Helper()
	eventually(c.t, "services "+strings.Join(services, ", "), func() bool {
		out := c.api("/v1/agent/services")
		for _, s := range services {
			if !strings.Contains(out, `"Service":"`+s+`"`) {
				return false
			}
		}
		return strings.Count(out, `"Service":`) == len(services)
	})
}

// TestReload holds what SIGHUP changes, what it leaves alone, and what it says of the rest.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, runs, logFile := filepath.Join(dir, "a.hcl"), filepath.Join(dir, "runs"), filepath.Join(dir, "log")
	configure := func(text string) {
		t.Helper()
		kept := `enable_local_script_checks = true service { name = "kept" check { args = ["sh", "-c", "echo >> ` + runs + `"] interval = "1h" } } `
		if err := os.WriteFile(file, []byte(kept+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure(`service { name = "old" }`)
	c := startAgent(t, "", "-dev", "-config-file", file, "-log-file", logFile)
	c.await(leadLine)
	c.has("kept", "old")
	eventually(t, "the first run of the check", func() bool { return lines(t, runs) == 1 })

	configure(`service { name = "new" } log_level = "debug" node_name = "other" dns_config { node_ttl = "5s" }`)
	c.reloaded(`msg="these keys have changed and take effect at the next start" keys=\[node_name\]`)
	c.has("kept", "new")

	configure(`nope = 1`)
	c.reloaded(`level=ERROR msg="the configuration is not taken, the old one stays" error="config file .*unknown key`)
	c.has("kept", "new")

	if status, body := c.request(http.MethodPut, "/v1/agent/reload"); status != 500 || !strings.Contains(body, "unknown key") {
		t.Errorf("a reload over the API answers %d %s", status, body)
	}
	c.has("kept", "new")
	configure(`service { name = "by-api" }`)
	c.put("/v1/agent/reload")
	c.has("kept", "by-api")

	configure(`service { name = "new" }`)
	c.put("/v1/agent/reload")
	c.has("kept", "new")
	configure(`group "g" { vip "203.0.113.9/24" {} }`) // no network of this machine
	c.reloaded(`level=ERROR msg="the configuration is not taken, the old one stays" error=".*"`)
	c.has("kept", "new")
	if got := c.ask("group", "list", "-format=json"); got.out != "[]\n" {
		t.Errorf("groups: %+v", got)
	}

	if err := os.Rename(logFile, logFile+".1"); err != nil {
		t.Fatal(err)
	}
	configure(`service { name = "new" } ui = true`)
	c.reloaded(`msg="the configuration is reloaded" services=2`)
	c.has("kept", "new")
	eventually(t, "the new log file", func() bool { return lines(t, logFile) > 0 })
	if !strings.Contains(c.log.String(), "there is no web interface yet") {
		t.Error("a reload does not warn")
	}
	if n := lines(t, runs); n != 1 {
		t.Errorf("the check that stayed the same has run %d times: a reload starts it again", n)
	}
}

// lines counts the lines of a file, 0 where there is none.
func lines(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}
