package check

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// lateOutput is how long a program that has ended may keep its output open through a child. A child that took a session of its own
// outlives a program that has ended in time; nobody waits for it longer than this.
const lateOutput = 500 * time.Millisecond

func (s *script) probe(ctx context.Context) Result {
	out := &capture{limit: s.limit}
	cmd := exec.CommandContext(ctx, s.args[0], s.args[1:]...)
	started := newOffspring()
	cmd.Env = started.env()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return started.kill(cmd.Process.Pid) } // at the timeout
	cmd.WaitDelay = lateOutput
	began := time.Now()
	err := cmd.Run()
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case cmd.Process != nil && ctx.Err() != nil && (cmd.ProcessState == nil || !cmd.ProcessState.Exited()):
		return Result{cluster.Critical, fmt.Sprintf("Timed out after %s and was killed: %s", time.Since(began).Round(time.Millisecond), out)}
	case err == nil || cmd.ProcessState != nil && cmd.ProcessState.Success(): // it may have ended just in time, or left its output open
		return Result{cluster.Passing, out.String()}
	case exited && exit.ExitCode() == 1:
		return Result{cluster.Warning, out.String()}
	case exited && exit.ExitCode() < 0:
		return Result{cluster.Critical, fmt.Sprintf("Ended by %s: %s", exit, out)}
	case exited:
		return Result{cluster.Critical, out.String()}
	}
	return Result{cluster.Critical, fmt.Sprintf("Cannot run %s: %s", s.args[0], err)}
}

// killGroup kills the process group of a program.
func killGroup(pid int) error {
	err := syscall.Kill(-pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
