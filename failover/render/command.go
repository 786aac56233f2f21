package render

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"holdfast/failover/program"
)

// run runs a command to its end, or kills it after the timeout. The error is one sentence without the output.
func run(ctx context.Context, command []string, p program.Program) (output string, err error) {
	if p.Args, err = argv(command); err != nil {
		return "", err
	}
	p.Timeout = cmp.Or(p.Timeout, DefaultCommandTimeout)
	output, err = p.Run(ctx)
	if err != nil {
		err = fmt.Errorf("%q %w", commandLine(command), err)
	}
	return strings.TrimSpace(output), err
}

// turns sees to it that one command runs once at a time, and once for all who want it while it runs: they have written their files already.
type turns struct {
	mu      sync.Mutex // guards following
	current map[string]*turn
	next    map[string]*turn
}

type turn struct {
	done chan struct{}
	out  outcome
}

// outcome is how a command ended.
type outcome struct {
	started time.Time
	took    time.Duration
	output  string
	err     error
}

// do has the command run, and answers how it ended.
func (t *turns) do(command []string, run func() (string, error)) outcome {
	key := strings.Join(command, "\x00")
	t.mu.Lock()
	if waiting := t.next[key]; waiting != nil {
		t.mu.Unlock()
		<-waiting.done
		return waiting.out
	}
	if t.current == nil {
		t.current, t.next = map[string]*turn{}, map[string]*turn{}
	}
	mine, before := &turn{done: make(chan struct{})}, t.current[key]
	t.next[key] = mine
	t.mu.Unlock()
	if before != nil {
		<-before.done
	}
	t.mu.Lock()
	delete(t.next, key)
	t.current[key] = mine
	t.mu.Unlock()
	mine.out.started = time.Now()
	mine.out.output, mine.out.err = run()
	mine.out.took = time.Since(mine.out.started)
	t.mu.Lock()
	if t.current[key] == mine {
		delete(t.current, key)
	}
	t.mu.Unlock()
	close(mine.done)
	return mine.out
}
