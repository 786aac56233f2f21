package program

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func shell(line string) []string { return []string{"/bin/sh", "-c", line} }

// TestRun holds what is answered for every way in which a program ends.
func TestRun(t *testing.T) {
	for _, tt := range []struct {
		p           Program
		output, err string
	}{
		{Program{Args: shell("echo out; echo err >&2")}, "out\nerr\n", ""},
		{Program{Args: shell("cat; echo $A"), Stdin: strings.NewReader("in\n"), Env: []string{"A=b"}}, "in\nb\n", ""},
		{Program{Args: shell("echo why; exit 3")}, "why\n", "failed: exit status 3"},
		{Program{Args: shell("sleep 60 & echo left")}, "left\n", ""},
		{Program{Args: shell("echo at work; sleep 60 & wait"), Timeout: 3 * time.Second}, "at work\n", "was killed after its timeout of 3s"},
		{Program{Args: []string{"/no/such"}}, "", "failed: fork/exec /no/such: no such file or directory"},
	} {
		output, err := tt.p.Run(t.Context())
		if got := errText(err); output != tt.output || got != tt.err {
			t.Errorf("%q: %q, %q", tt.p.Args, output, got)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestGroup holds that with a program all dies that it has started, also where nobody gave it a timeout.
func TestGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Program{Args: shell("sleep 600 & echo $! >" + file + ".new; mv " + file + ".new " + file + "; wait")}.Run(ctx)
		done <- err
	}()
	eventually(t, "its child", func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
	pid, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; errText(err) != "was killed: context canceled" {
		t.Error(err)
	}
	eventually(t, "the end of its child", func() bool {
		state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}
