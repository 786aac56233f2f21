package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	maxOutput  = 4096                   // of a handler's output is kept: its end
	lateOutput = 500 * time.Millisecond // that a child of the handler may keep its output open for, once it has ended
)

// script is a program that has the result on its standard input, and its index in the environment.
type script struct {
	args    []string
	timeout time.Duration // 0 means none
}

func (s *script) hand(ctx context.Context, r Result) (string, error) {
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	out := &tail{limit: maxOutput}
	cmd := Command(ctx, s.args, r)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the whole group dies at the timeout
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = lateOutput
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it ended well, and has left a child behind
		return out.String(), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return out.String(), fmt.Errorf("it was killed after its timeout of %s", s.timeout)
	case ctx.Err() != nil:
		return out.String(), errors.New("it was killed because the agent stops")
	}
	return out.String(), err
}

// Command is a handler's program with its input and environment.
func Command(ctx context.Context, args []string, r Result) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "CONSUL_INDEX="+strconv.FormatUint(r.Index, 10))
	cmd.Stdin = io.MultiReader(bytes.NewReader(r.JSON), strings.NewReader("\n"))
	return cmd
}

// killGroup kills a program with its children.
func killGroup(pid int) error {
	err := syscall.Kill(-pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	kept  []byte
	cut   bool
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	t.cut = t.cut || len(t.kept)+n > t.limit
	p = p[max(0, n-t.limit):]
	if over := len(t.kept) + len(p) - t.limit; over > 0 {
		t.kept = t.kept[:copy(t.kept, t.kept[over:])]
	}
	t.kept = append(t.kept, p...)
	return n, nil
}

func (t *tail) String() string {
	s := strings.ToValidUTF8(string(t.kept), "\uFFFD")
	if t.cut {
		return "…" + s
	}
	return s
}
