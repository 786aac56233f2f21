package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// suite is the compiled tests of the public client, in a folder with the certificates that they expect beside it.
type suite struct {
	binary string
	dir    string
}

// result is how a test of the suite ended.
type result struct {
	passed bool
	output []string
}

// suiteLimit is the longest that the suite may take; it needs about a minute.
const suiteLimit = 8 * time.Minute

// readSuite reads the list: one name a line, behind a "!" and followed by the reason where the test is known to fail.
func readSuite(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	ok(t, err)
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, fails := strings.CutPrefix(line, "!")
		name, reason, _ := strings.Cut(name, " ")
		if _, twice := known[name]; twice || fails != (reason != "") {
			t.Fatalf("%s: %q stands there twice, or has a mark without a reason", file, name)
		}
		known[name] = strings.TrimSpace(reason)
	}
	return known
}

// buildSuite compiles the client's tests.
func buildSuite(t *testing.T) *suite {
	t.Helper()
	dir := t.TempDir()
	s := &suite{binary: filepath.Join(dir, "api.test"), dir: filepath.Join(dir, "api")}
	ok(t, os.Mkdir(s.dir, 0o700))
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", s.binary, "github.com/hashicorp/consul/api").CombinedOutput(); err != nil {
		t.Fatalf("build the client's tests: %v\n%s", err, out)
	}
	writeCertificates(t, filepath.Join(dir, "test", "client_certs"))
	return s
}

// run runs the named tests, so many at a time. A test that panics takes the others with it, so what has no result afterwards runs again.
func (s *suite) run(t *testing.T, names []string, parallel int) map[string]*result {
	t.Helper()
	results := map[string]*result{}
	for left := names; len(left) > 0; {
		before := len(results)
		s.runOnce(t, left, parallel, results)
		left = slices.DeleteFunc(slices.Clone(left), func(name string) bool { return results[name] != nil })
		if len(results) == before {
			t.Fatalf("no results of %v: does the client still have these tests?", left)
		}
	}
	return results
}

// event is one line of `go tool test2json`.
type event struct {
	Action, Test, Output string
}

func (s *suite) runOnce(t *testing.T, names []string, parallel int, results map[string]*result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suiteLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", s.binary, "-test.v=test2json", "-test.parallel", strconv.Itoa(parallel), "-test.run", "^("+strings.Join(names, "|")+")$")
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.Output()
	if cmd.Process != nil { // a test that panicked leaves its agents behind
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	running := map[string]*result{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var e event
		if err := d.Decode(&e); err != nil {
			return // the end, or where a timeout cut the output off
		}
		name, sub, _ := strings.Cut(e.Test, "/")
		r := running[name]
		if r == nil {
			r = &result{}
			running[name] = r
		}
		switch e.Action {
		case "output":
			r.output = append(r.output, e.Output)
		case "pass", "fail", "skip":
			if name != "" && sub == "" {
				r.passed, results[name] = e.Action == "pass", r
			}
		}
	}
}

// text is what a test said, without the daemon's debugging.
func (r *result) text() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(r.output), func(line string) bool { return strings.Contains(line, "level=DEBUG") }), "")
}
