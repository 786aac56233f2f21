package failover

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/program"
)

func shell(script string) cluster.Hook { return cluster.Hook{Args: []string{"/bin/sh", "-c", script}} }

func TestHookEnds(t *testing.T) {
	e := hookEvent{event: "acquire", group: "web", node: "n1", epoch: 7, addresses: []string{"10.0.0.100/24 on eth0", "10.0.0.101/24 on eth0"}}
	for _, c := range []struct {
		name   string
		hook   cluster.Hook
		why    string // its end
		output string
	}{
		{"success", shell("echo out; echo err >&2"), "succeeded", "out\nerr\n"},
		{"failure", shell("echo no; exit 3"), "failed: exit status 3", "no\n"},
		{"no such program", cluster.Hook{Args: []string{"/none"}}, "no such file or directory", ""},
		{
			"environment", shell(`echo "$HOLDFAST_EVENT $HOLDFAST_GROUP $HOLDFAST_NODE $HOLDFAST_EPOCH $HOLDFAST_ADDRESSES"`), "succeeded",
			"acquire web n1 7 10.0.0.100/24 on eth0 10.0.0.101/24 on eth0\n",
		},
		{"not text", shell(`printf 'a\377b'`), "succeeded", "a\uFFFDb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			why, output := runHook(t.Context(), c.hook, e)
			if !strings.HasPrefix(why, "hook "+strconv.Quote(strings.Join(c.hook.Args, " "))+" ") || !strings.HasSuffix(why, c.why) || output != c.output {
				t.Errorf("%s\noutput %q, want %q", why, output, c.output)
			}
		})
	}
}

// TestHookTimeout holds that a hook that takes too long dies with its children.
func TestHookTimeout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	h := shell("echo begun; sleep 600 & echo $! > " + file + "; wait")
	h.Timeout = 3 * time.Second // in which a busy machine starts a shell
	start := time.Now()
	why, output := runHook(t.Context(), h, hookEvent{})
	if !strings.HasSuffix(why, "was killed after its timeout of 3s") || output != "begun\n" {
		t.Errorf("%s, output %q", why, output)
	}
	if took := time.Since(start); took > h.Timeout+failovertest.Patience {
		t.Errorf("it took %s", took)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	failovertest.Eventually(t, "the hook's child is dead", func() bool { return gone(pid) })
}

// gone reports whether a process has ended; one that nobody has waited for yet has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(b), ") ")
	return err != nil || strings.HasPrefix(state, "Z")
}

// TestTail holds that of a long output its end is kept, and said to be only the end.
func TestTail(t *testing.T) {
	_, output := runHook(t.Context(), shell("yes 123456789 | head -c 100000; echo end"), hookEvent{})
	if !strings.HasPrefix(output, "…") || !strings.HasSuffix(output, "\nend\n") || len(output) != program.MaxOutput+len("…") {
		t.Errorf("%d bytes, from %.10q to %q", len(output), output, output[len(output)-10:])
	}
}
