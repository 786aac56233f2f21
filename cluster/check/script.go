package check

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"holdfast/cluster"
)

// script runs a program: exit code 0 is passing, 1 warning, any other critical.
type script struct {
	args  []string
	limit int
}

// lateOutput is how long a program that has exited may keep its output open through a child.
const lateOutput = 500 * time.Millisecond

func (s *script) probe(ctx context.Context) Result {
	out := &capture{limit: s.limit}
	cmd := exec.CommandContext(ctx, s.args[0], s.args[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the whole group dies at the timeout
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = lateOutput
	started := time.Now()
	err := cmd.Run()
	if cmd.Process != nil && ctx.Err() != nil {
		return Result{cluster.Critical, fmt.Sprintf("Timed out after %s and was killed: %s", time.Since(started).Round(time.Millisecond), out)}
	}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success():
		return Result{cluster.Passing, out.String()}
	case exited && exit.ExitCode() == 1:
		return Result{cluster.Warning, out.String()}
	case exited:
		return Result{cluster.Critical, out.String()}
	}
	return Result{cluster.Critical, fmt.Sprintf("Cannot run %s: %s", s.args[0], err)}
}
