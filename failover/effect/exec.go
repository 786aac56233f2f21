package effect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// MaxOutput is how much of a program's output is kept: its end.
const MaxOutput = 4096

// Exec runs a program to its end, or kills its process group after the timeout. It answers the end of its output; the error says how it
// ended: "failed: exit status 1", "was killed after its timeout of 10s".
func Exec(ctx context.Context, args, environ []string, timeout time.Duration) (output string, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out := &tail{limit: MaxOutput}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 200 * time.Millisecond // a child that left the group may keep the pipe open
	err = cmd.Run()
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay): // it ended well, and has perhaps left a child behind
		return out.String(), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return out.String(), fmt.Errorf("was killed after its timeout of %s", timeout)
	}
	return out.String(), fmt.Errorf("failed: %w", err)
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	buf   bytes.Buffer
	cut   bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - t.limit; over > 0 {
		t.buf.Next(over)
		t.cut = true
	}
	return len(p), nil
}

func (t *tail) String() string {
	s := strings.ToValidUTF8(t.buf.String(), "\uFFFD")
	if t.cut {
		return "…" + s
	}
	return s
}
