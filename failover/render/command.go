package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxOutput is how much of a command's output is kept: its end.
const maxOutput = 4096

// run runs a command to its end, or kills its process group after the timeout. The error is one sentence without the output.
func run(ctx context.Context, command []string, timeout time.Duration, env ...string) (output string, err error) {
	args, err := argv(command)
	if err != nil {
		return "", err
	}
	if timeout == 0 {
		timeout = DefaultCommandTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out := &tail{}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 200 * time.Millisecond // a child that left the group may keep the pipe open
	err = cmd.Run()
	switch {
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // it ended well, and has left a child behind: a daemon, say
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("%q was killed after its timeout of %s", commandLine(command), timeout)
	case err != nil:
		err = fmt.Errorf("%q failed: %w", commandLine(command), err)
	}
	return strings.TrimSpace(out.String()), err
}

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	n, _ := t.Buffer.Write(p)
	if over := t.Len() - maxOutput; over > 0 {
		t.Next(over)
	}
	return n, nil
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
