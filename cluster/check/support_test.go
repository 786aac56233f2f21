package check

import (
	"context"
	"log/slog"
	"os/exec"
	"testing"
	"time"

	"holdfast/cluster"
)

// limit is how long a test waits for what must happen.
const limit = 20 * time.Second

// run runs a check for the rest of the test and answers its reports.
func run(t *testing.T, d cluster.CheckDefinition) <-chan Result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan Result, 10_000)
	done := make(chan struct{})
	r := New(d, nil, 0, slog.New(slog.DiscardHandler), func(r Result) {
		select {
		case results <- r:
		default:
		}
	})
	go func() { defer close(done); r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(limit):
			t.Error("the check does not stop")
		}
	})
	return results
}

// await takes reports until one has the status.
func await(t *testing.T, results <-chan Result, want cluster.Status) Result {
	t.Helper()
	last := Result{}
	deadline := time.After(limit)
	for {
		select {
		case last = <-results:
			if last.Status == want {
				return last
			}
		case <-deadline:
			t.Fatalf("no %s result in %s; the last was %+v", want, limit, last)
		}
	}
}

// start runs a program that the test kills at its end, and reaps it when it has ended.
func start(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	return cmd
}

// end kills a program and reaps it.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()         // it was killed
}

func withTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// pauseFor lets something happen meanwhile.
func pauseFor(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
