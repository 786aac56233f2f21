package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// lateOutput is how long a child of a program that has ended may keep its output open.
const lateOutput = 200 * time.Millisecond

// Program is what to run.
type Program struct {
	Args    []string
	Env     []string  // its environment; nil for that of this process
	Stdin   io.Reader // nil for none
	Stdout  io.Writer // with Stderr: is given what it prints, besides its being kept; nil for nobody
	Stderr  io.Writer
	Timeout time.Duration // 0 for none
}

// Run runs the program to its end, and answers the end of its output. The error says how it ended: "failed: exit status 1", "was killed after its
// timeout of 10s", "was killed: context canceled".
func (p Program) Run(ctx context.Context) (output string, err error) {
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	out := &Tail{Limit: MaxOutput}
	cmd := exec.CommandContext(ctx, p.Args[0], p.Args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Env, p.Stdin, out, out
	if p.Stdout != nil && p.Stderr != nil {
		cmd.Stdout, cmd.Stderr = io.MultiWriter(out, p.Stdout), io.MultiWriter(out, p.Stderr)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = lateOutput
	err = cmd.Run()
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay): // it ended well, and has perhaps left a child behind
		return out.String(), nil
	case p.Timeout > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return out.String(), fmt.Errorf("was killed after its timeout of %s", p.Timeout)
	case ctx.Err() != nil:
		return out.String(), fmt.Errorf("was killed: %w", ctx.Err())
	}
	return out.String(), fmt.Errorf("failed: %w", err)
}

// killGroup kills a program with its children.
func killGroup(pid int) error {
	err := syscall.Kill(-pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
