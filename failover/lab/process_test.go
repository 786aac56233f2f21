//go:build linux

package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// output runs a shell script on a machine and returns what it says.
func output(t *testing.T, m *Machine, script string, o StartOptions) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	o.Stdout, o.Stderr = f, f
	ctx := testContext(t)
	p, err := m.Start(ctx, []string{"sh", "-c", script}, o)
	must(t, err)
	if err := p.Wait(ctx); err != nil {
		t.Errorf("%s: %v", script, err)
	}
	b, err := os.ReadFile(path)
	must(t, err)
	return strings.TrimSpace(string(b))
}

// TestProcessLivesOnItsMachine shows that a process has the machine's name, process table and network, and this computer's files.
func TestProcessLivesOnItsMachine(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1", "n2"}})
	m := l.Machine("n1")
	if got := output(t, m, "hostname", StartOptions{}); got != "n1" {
		t.Errorf("host name %q", got)
	}
	if got := output(t, m, "cat /proc/1/cmdline | tr '\\0' ' '", StartOptions{}); got != "holdfast-lab n1" {
		t.Errorf("the first process is %q", got)
	}
	here, err := os.Getwd()
	must(t, err)
	if got := output(t, m, "pwd", StartOptions{}); got != here {
		t.Errorf("it runs in %q, want %q", got, here)
	}
	if got := output(t, m, "pwd", StartOptions{Dir: "/"}); got != "/" {
		t.Errorf("it runs in %q, want /", got)
	}
	if got := output(t, m, "echo $COLOUR$"+roleVar, StartOptions{Env: []string{"COLOUR=red"}}); got != "red" {
		t.Errorf("its environment says %q", got)
	}
	if got := output(t, m, "grep -c fd770000000000000000000000000011 /proc/net/if_inet6", StartOptions{}); got != "1" {
		t.Errorf("its own address is there %s times", got)
	}
	neighbour, err := l.Machine("n2").Start(testContext(t), []string{"sleep", "4321"}, StartOptions{})
	must(t, err)
	if got := output(t, m, "grep -l 4321 /proc/[0-9]*/cmdline | grep -v /self/ | wc -l", StartOptions{}); got != "0" && neighbour.Pid() > 0 {
		// The shell itself has the number in its command line, so count what sleeps.
		if sleepers := output(t, m, "cat /proc/[0-9]*/comm | grep -c sleep || true", StartOptions{}); sleepers != "0" {
			t.Errorf("it sees %s processes of another machine", sleepers)
		}
	}
}

func TestProcessSignals(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	ctx := testContext(t)
	m := l.Machine("n1")
	state := func(p *Process) string {
		fields, err := p.stat("stat")
		must(t, err)
		return fields[0]
	}
	p, err := m.Start(ctx, []string{"sleep", "1000"}, StartOptions{})
	must(t, err)
	eventually(t, "it sleeps", func() bool { return state(p) == "S" })
	must(t, p.Stop())
	eventually(t, "it is stopped", func() bool { return state(p) == "T" })
	must(t, p.Cont())
	eventually(t, "it goes on", func() bool { return state(p) == "S" })
	if err := unix.Kill(p.Pid(), 0); err != nil {
		t.Errorf("process %d: %v", p.Pid(), err)
	}
	must(t, p.Kill())
	var exit *exec.ExitError
	if err := p.Wait(ctx); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		t.Errorf("it ended with %v, want SIGKILL", err)
	}
	must(t, p.Kill()) // it has ended: no error

	soon, cancel := context.WithCancel(ctx)
	p, err = m.Start(soon, []string{"sleep", "1000"}, StartOptions{})
	must(t, err)
	cancel()
	if err := p.Wait(ctx); !errors.As(err, &exit) {
		t.Errorf("the context is done, and it ended with %v", err)
	}
	if _, err := m.Start(soon, []string{"sleep", "1"}, StartOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("start with a context that is done: %v", err)
	}
	if _, err := m.Start(ctx, nil, StartOptions{}); err == nil {
		t.Error("start of nothing succeeds")
	}
	if _, err := m.Start(ctx, []string{"/no/such/program"}, StartOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("start of a program that does not exist: %v", err)
	}
}

// TestProcessUse measures a process that computes and one that sleeps.
func TestProcessUse(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	ctx := testContext(t)
	busy, err := l.Machine("n1").Start(ctx, []string{"sh", "-c", "while :; do :; done"}, StartOptions{})
	must(t, err)
	idle, err := l.Machine("n1").Start(ctx, []string{"sleep", "1000"}, StartOptions{})
	must(t, err)
	cpu := func(p *Process) time.Duration {
		d, err := p.CPU()
		must(t, err)
		return d
	}
	eventually(t, "100 ms of processor time are counted", func() bool { return cpu(busy) >= 100*time.Millisecond })
	if got := cpu(idle); got > 50*time.Millisecond {
		t.Errorf("sleep has used %s", got)
	}
	rss, err := idle.RSS()
	must(t, err)
	if rss < 100<<10 || rss > 100<<20 {
		t.Errorf("sleep has %d bytes resident", rss)
	}
	must(t, busy.Kill())
	_ = busy.Wait(ctx)
	if _, err := busy.RSS(); err == nil {
		t.Error("a process that has ended has memory")
	}
}

// TestOrphansAreCollected starts processes that outlive their parents.
func TestOrphansAreCollected(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	m := l.Machine("n1")
	output(t, m, "for i in 1 2 3; do (sleep 0.01 &) ; done", StartOptions{})
	eventually(t, "no process but the first is left", func() bool {
		got := output(t, m, "cat /proc/[0-9]*/comm | grep -c sleep || true", StartOptions{})
		return got == "0"
	})
	eventually(t, "no process is a zombie", func() bool {
		return output(t, m, "grep -l '^State:.Z' /proc/[0-9]*/status | wc -l", StartOptions{}) == "0"
	})
	if !m.Powered() {
		t.Error("the machine went down with its orphans")
	}
}
