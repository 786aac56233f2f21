package check

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestScript(t *testing.T) {
	flood := "Captured 100 of 1000000 bytes\n...\n" + strings.Repeat("x", 100)
	for _, x := range []struct {
		name   string
		args   []string
		status cluster.Status
		output string // its beginning
	}{
		{"passing", []string{"sh", "-c", "echo fine; exit 0"}, cluster.Passing, "fine\n"},
		{"warning", []string{"sh", "-c", "echo hm >&2; exit 1"}, cluster.Warning, "hm\n"},
		{"critical", []string{"sh", "-c", "echo bad; exit 2"}, cluster.Critical, "bad\n"},
		{"a high exit code", []string{"sh", "-c", "exit 255"}, cluster.Critical, ""},
		{"no such program", []string{"/nonexistent/check"}, cluster.Critical, "Cannot run /nonexistent/check: "},
		{"killed by a signal", []string{"sh", "-c", "echo x; kill -9 $$"}, cluster.Critical, "Ended by signal: killed: x"},
		{"a flood of output", []string{"sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"}, cluster.Passing, flood},
		{"output that is no text", []string{"printf", "a\\377b"}, cluster.Passing, "a\uFFFDb"},
		{"no input to wait for", []string{"cat"}, cluster.Passing, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			r := (&script{args: x.args, limit: 100}).probe(ctx)
			if r.Status != x.status || !strings.HasPrefix(r.Output, x.output) || (x.output == "" && r.Output != "") {
				t.Errorf("%s %q, want %s %q", r.Status, r.Output, x.status, x.output)
			}
		})
	}
}

// TestScriptTimeoutKillsTheGroup runs a program that has a child, which both hang: neither may survive the timeout.
func TestScriptTimeoutKillsTheGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	var r Result
	for timeout := 300 * time.Millisecond; timeout < limit; timeout *= 2 { // a busy computer may not have begun by then
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		r = (&script{args: []string{"sh", "-c", "echo begun; sleep 1000 & echo $! > " + file + "; wait"}, limit: 100}).probe(ctx)
		if b, err := os.ReadFile(file); err == nil && len(b) > 0 {
			break
		}
	}
	if r.Status != cluster.Critical || !strings.HasPrefix(r.Output, "Timed out after ") || !strings.HasSuffix(r.Output, "and was killed: begun\n") {
		t.Errorf("%s %q", r.Status, r.Output)
	}
	pid := readPID(t, file)
	for deadline := time.Now().Add(limit); running(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("the child %d survived", pid)
		}
	}
}

// running reports whether a process runs and is no zombie.
func running(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := parsePID(b)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestScriptLeavesDaemonBehind runs programs that end but leave a child which holds their output open: the verdict is the program's,
// and it does not wait for the child.
func TestScriptLeavesDaemonBehind(t *testing.T) {
	for exit, want := range map[string]cluster.Status{"0": cluster.Passing, "1": cluster.Warning, "2": cluster.Critical} {
		t.Run("exit "+exit, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "daemon")
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			r := (&script{args: []string{"sh", "-c", "setsid sleep 1000 & echo $! > " + file + "; echo told; exit " + exit}, limit: 100}).probe(ctx)
			t.Cleanup(func() { _ = syscall.Kill(readPID(t, file), syscall.SIGKILL) })
			if r.Status != want || r.Output != "told\n" {
				t.Errorf("%s %q, want %s", r.Status, r.Output, want)
			}
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Error("it waited for the child")
			}
		})
	}
}

// TestScriptFloods holds that a gigabyte of output costs time at most, and that one without end is cut off at the timeout.
func TestScriptFloods(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	r := (&script{args: []string{"sh", "-c", "head -c 1000000000 /dev/zero; echo the end"}, limit: 4096}).probe(ctx)
	runtime.ReadMemStats(&after)
	if r.Status != cluster.Passing || !strings.HasPrefix(r.Output, "Captured 4096 of 1000000008 bytes\n") || !strings.HasSuffix(r.Output, "the end\n") {
		t.Errorf("%s %.60q", r.Status, r.Output)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d bytes were allocated for it", grown)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if r := (&script{args: []string{"yes"}, limit: 100}).probe(short); r.Status != cluster.Critical || len(r.Output) > 250 {
		t.Errorf("%s %q", r.Status, r.Output)
	}
}

// TestScriptForks holds that a program which forks and forks is ended with all that it has become, whatever holds the output open.
func TestScriptForks(t *testing.T) {
	dir := t.TempDir()
	// Each generation writes its number down and has two children, down to the seventh: 127 processes, none of which waits for another.
	bomb := `gen() { sh -c 'echo $$' > /dev/null; echo >> ` + dir + `/n; if [ $1 -gt 0 ]; then gen $(($1 - 1)) & gen $(($1 - 1)) & fi; exec sleep 1000.` + strconv.Itoa(os.Getpid()) + `; }; gen 6`
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if r := (&script{args: []string{"sh", "-c", bomb}, limit: 100}).probe(ctx); r.Status != cluster.Critical || !strings.HasPrefix(r.Output, "Timed out after ") {
		t.Errorf("%s %q", r.Status, r.Output)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "n")); err != nil || len(b) < 10 {
		t.Errorf("only %d processes came to be, %v", len(b), err)
	}
	alive := func() (n int) {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, f := range files {
			if b, _ := os.ReadFile(f); strings.HasPrefix(string(b), "sleep\x001000."+strconv.Itoa(os.Getpid())) {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(limit); alive() > 0; pauseFor(t, 10*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d processes have survived", alive())
		}
	}
}

func TestScriptIsRepeated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "well")
	results := run(t, cluster.CheckDefinition{ID: "s", Args: []string{"test", "-e", file}, Interval: 100 * time.Millisecond})
	if r := await(t, results, cluster.Warning); r.Output != "" {
		t.Errorf("output %q", r.Output)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, results, cluster.Passing)
}
