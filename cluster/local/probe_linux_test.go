package local

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// limit is how long a test with real processes waits for what must happen.
const limit = 20 * time.Second

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", limit, what)
		}
	}
}

// live runs a registry with real checks until the test ends it.
func live(t *testing.T) (r *Registry, f *fakeCatalog, end func()) {
	t.Helper()
	f = newFakeCatalog()
	f.behind(t, registered())
	r = newRegistry(f, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	end = func() { cancel(); <-done }
	t.Cleanup(end)
	must(t, r.Replace(nil, nil))
	return r, f, end
}

func (f *fakeCatalog) status(id string) cluster.Status {
	for _, c := range f.leader.View().NodeChecks("n1") {
		if c.ID == id {
			return c.Status
		}
	}
	return ""
}

// TestDeathReachesTheCatalog kills the process of a service: the catalog says so at once, and again when it is back.
func TestDeathReachesTheCatalog(t *testing.T) {
	r, f, _ := live(t)
	file := filepath.Join(t.TempDir(), "pid")
	run := func() *exec.Cmd {
		cmd := exec.Command("sleep", "1000")
		must(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
		must(t, os.WriteFile(file, []byte(strconv.Itoa(cmd.Process.Pid)), 0o600))
		return cmd
	}
	daemon := run()
	must(t, r.RegisterService(service("web", cluster.CheckDefinition{ID: "p", Name: "p", Process: &cluster.ProcessCheck{PIDFile: file}})))
	until(t, "it passes", func() bool { return f.status("p") == cluster.Passing })
	killed := time.Now()
	must(t, daemon.Process.Kill())
	until(t, "it is critical", func() bool { return f.status("p") == cluster.Critical })
	t.Logf("the catalog knew %s after the kill", time.Since(killed))
	_ = daemon.Wait() // it was killed
	run()
	until(t, "it passes again", func() bool { return f.status("p") == cluster.Passing })
}

// TestScriptsEndWithTheirCheck replaces, deregisters and stops checks whose scripts hang: none of their processes may stay.
func TestScriptsEndWithTheirCheck(t *testing.T) {
	dir := t.TempDir()
	for name, finish := range map[string]func(r *Registry, end func()) error{
		"replaced": func(r *Registry, _ func()) error {
			return r.RegisterCheck(cluster.CheckDefinition{ID: "c", Args: []string{"true"}, Interval: time.Second}, "", FromAPI)
		},
		"deregistered": func(r *Registry, _ func()) error { return r.DeregisterCheck("c") },
		"stopped":      func(_ *Registry, end func()) error { end(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			r, _, end := live(t)
			file := filepath.Join(dir, name)
			script := "echo $$ > " + file + ".new; mv " + file + ".new " + file + "; sleep 1000"
			must(t, r.RegisterCheck(cluster.CheckDefinition{ID: "c", Args: []string{"sh", "-c", script}, Interval: time.Second}, "", FromAPI))
			var pid string
			until(t, "the script runs", func() bool {
				b, _ := os.ReadFile(file) // not there yet
				pid = strings.TrimSpace(string(b))
				return pid != ""
			})
			must(t, finish(r, end))
			until(t, "the script is gone", func() bool {
				_, err := os.Stat(filepath.Join("/proc", pid))
				return err != nil
			})
			if name == "stopped" && r.Checks()["c"].Output != "" {
				t.Errorf("a run cut short was reported: %q", r.Checks()["c"].Output)
			}
		})
	}
}

// TestIdenticalRegistrationDoesNotRestart registers a script check again and again: it runs at its interval all the same.
func TestIdenticalRegistrationDoesNotRestart(t *testing.T) {
	r, f, _ := live(t)
	file := filepath.Join(t.TempDir(), "runs")
	d := cluster.CheckDefinition{ID: "c", Name: "c", Args: []string{"sh", "-c", "echo x >> " + file}, Interval: time.Hour}
	must(t, r.RegisterService(service("web", d)))
	until(t, "it passes", func() bool { return f.status("c") == cluster.Passing })
	for range 20 {
		must(t, r.RegisterService(service("web", d)))
		must(t, r.Sync(t.Context()))
		if s := f.status("c"); s != cluster.Passing {
			t.Fatalf("registered again it is %s", s)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "x\n" {
		t.Errorf("it ran %d times: %v", len(b)/2, err)
	}
}
