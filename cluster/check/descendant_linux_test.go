package check

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
)

// TestTimeoutEndsDescendants holds that whatever a program has started ends with it at the timeout, also what has left its process group.
func TestTimeoutEndsDescendants(t *testing.T) {
	for name, line := range map[string]string{
		"in a session of its own":                   `setsid sh -c 'echo $$ > FILE.tmp; mv FILE.tmp FILE; sleep 1000' & wait`,
		"a daemon, whose parents have ended":        `(setsid sh -c 'echo $$ > FILE.tmp; mv FILE.tmp FILE; sleep 1000' &); sleep 1000`,
		"a session without the environment":         `env -i PATH="$PATH" setsid sh -c 'echo $$ > FILE.tmp; mv FILE.tmp FILE; sleep 1000' & wait`,
		"a child of one in a session of its own":    `setsid sh -c 'setsid sh -c "echo \$\$ > FILE.tmp; mv FILE.tmp FILE; sleep 1000" & wait' & wait`,
		"one that starts another again and again":   `setsid sh -c 'echo $$ > FILE.tmp; mv FILE.tmp FILE; while :; do setsid sh -c "echo \$\$ >> FILE.more; sleep 1000" & sleep 0.01; done' & wait`,
		"a daemon that the program ends just after": `(setsid sh -c 'echo $$ > FILE.tmp; mv FILE.tmp FILE; sleep 1000' &); exec sleep 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			ctx, cancel := context.WithCancel(t.Context())
			go func() { // the timeout comes when the descendant is there
				for deadline := time.Now().Add(limit); ctx.Err() == nil && time.Now().Before(deadline); {
					if _, err := os.Stat(file); err == nil {
						break
					}
				}
				cancel()
			}()
			r := (&script{args: []string{"sh", "-c", strings.ReplaceAll(line, "FILE", file)}, limit: 100}).probe(ctx)
			if r.Status != cluster.Critical || !strings.HasPrefix(r.Output, "Timed out after ") {
				t.Errorf("%s %q", r.Status, r.Output)
			}
			gone(t, readPID(t, file))
			more, _ := os.ReadFile(file + ".more") // of one case alone
			for pid := range strings.FieldsSeq(string(more)) {
				if n, err := strconv.Atoi(pid); err == nil {
					gone(t, n)
				}
			}
		})
	}
}

// gone waits until a process does not run any more.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(limit); running(pid); {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it is not to outlive the test
			t.Fatalf("process %d survived", pid)
		}
	}
}

// TestWhatARunInTimeLeavesStays holds that a timeout ends what its own run has started, and nothing that an earlier run has left, or that
// nobody's run has.
func TestWhatARunInTimeLeavesStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	s := &script{args: []string{"sh", "-c", "setsid sh -c 'echo $$ > " + file + ".tmp; mv " + file + ".tmp " + file + "; exec sleep 1000' >/dev/null 2>&1 &"}, limit: 100}
	if r := s.probe(t.Context()); r.Status != cluster.Passing {
		t.Fatalf("%s %q", r.Status, r.Output)
	}
	for deadline := time.Now().Add(limit); ; {
		if _, err := os.Stat(file); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the daemon does not start")
		}
	}
	daemon := readPID(t, file)
	t.Cleanup(func() { _ = syscall.Kill(daemon, syscall.SIGKILL) })
	other := start(t, "sleep", "1000").Process.Pid
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if r := (&script{args: []string{"sleep", "1000"}, limit: 100}).probe(ctx); r.Status != cluster.Critical {
		t.Errorf("%s %q", r.Status, r.Output)
	}
	if !running(daemon) || !running(other) {
		t.Errorf("runs: the daemon of an earlier run %v, a process of the agent's %v; want both", running(daemon), running(other))
	}
}
