package child

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output collects what a program prints.
type output struct {
	mu   sync.Mutex // guards following
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) says(t *testing.T, want string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		o.mu.Lock()
		got := o.text.String()
		o.mu.Unlock()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it says %q, want %q", got, want)
		}
	}
}

// running is a child that runs until the test ends.
type running struct {
	*Child
	*output
	cancel context.CancelFunc
	code   int
	err    error
	done   chan struct{}
}

func run(t *testing.T, o Options) *running {
	t.Helper()
	r := &running{output: &output{}, done: make(chan struct{})}
	o.Stdout, o.Stderr, o.Environ = r.output, r.output, os.Environ()
	r.Child = New(o)
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(r.done)
		r.code, r.err = r.Run(ctx)
	}()
	t.Cleanup(func() { r.cancel(); <-r.done })
	return r
}

// trapping is a program that says what it gets, and ends at TERM alone.
const trapping = `trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo up; while :; do sleep 0.01; done`

// TestSignals holds that a change is told by the signal, that others are passed on, and that its end is told with its code.
func TestSignals(t *testing.T) {
	t.Parallel()
	r := run(t, Options{Command: []string{"/bin/sh", "-c", trapping}, Reload: syscall.SIGHUP, Kill: syscall.SIGTERM, KillTimeout: time.Minute, Splay: time.Millisecond})
	r.says(t, "up\n")
	r.Reload()
	r.says(t, "up\nhup\n")
	r.Signal(syscall.SIGUSR1)
	r.says(t, "up\nhup\nusr1\n")
	r.Signal(syscall.SIGTERM)
	<-r.done
	if r.code != 3 || r.err != nil {
		t.Errorf("%d, %v", r.code, r.err)
	}
}

// TestRestart holds that without a signal the program is ended and started anew.
func TestRestart(t *testing.T) {
	t.Parallel()
	r := run(t, Options{Command: []string{"/bin/sh", "-c", trapping}, Kill: syscall.SIGTERM, KillTimeout: time.Minute})
	r.says(t, "up\n")
	r.Reload()
	r.says(t, "up\nterm\nup\n")
	r.cancel()
	<-r.done
	if !errors.Is(r.err, context.Canceled) {
		t.Errorf("%d, %v", r.code, r.err)
	}
	r.says(t, "up\nterm\nup\nterm\n")
}

// TestKill holds that a program which does not end in time is killed.
func TestKill(t *testing.T) {
	t.Parallel()
	r := run(t, Options{Command: []string{"/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done"}, Kill: syscall.SIGTERM, KillTimeout: 50 * time.Millisecond})
	r.says(t, "up\n")
	r.Reload()
	r.says(t, "up\nup\n")
	r.cancel()
	<-r.done
	if !errors.Is(r.err, context.Canceled) {
		t.Errorf("%d, %v", r.code, r.err)
	}
}

// TestEnds holds the codes.
func TestEnds(t *testing.T) {
	t.Parallel()
	for want, command := range map[int][]string{0: {"true"}, 7: {"exit 7"}, 255: {"/bin/sh", "-c", "kill -9 $$"}} {
		r := run(t, Options{Command: command})
		<-r.done
		if r.code != want || r.err != nil {
			t.Errorf("%q: %d, %v, want %d", command, r.code, r.err, want)
		}
	}
	for _, command := range [][]string{{"/no/such"}, {""}, nil} {
		r := run(t, Options{Command: command})
		<-r.done
		if r.err == nil {
			t.Errorf("%q has started", command)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for name, want := range map[string]syscall.Signal{"": 0, "SIGNULL": 0, "sighup": syscall.SIGHUP, "SIGUSR2": syscall.SIGUSR2} {
		if got, err := ParseSignal(name); got != want || err != nil {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if _, err := ParseSignal("HUP"); err == nil || !strings.Contains(err.Error(), "want SIGHUP") {
		t.Error(err)
	}
}
