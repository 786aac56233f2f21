package lock

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long a program has between SIGTERM and SIGKILL.
const grace = 5 * time.Second

// program is what runs while the lock is held.
type program struct {
	args     []string
	shell    bool
	in       io.Reader // nil for nothing
	out, err io.Writer
	cmd      *exec.Cmd
}

// start starts the program, and answers where its end is told.
func (p *program) start() (<-chan error, error) {
	p.cmd = exec.Command(p.args[0], p.args[1:]...) //nolint:gosec // it is there to run what the user says
	if p.shell {
		p.cmd = exec.Command("/bin/sh", "-c", strings.Join(p.args, " ")) //nolint:gosec // see above
	}
	p.cmd.Env = append(os.Environ(), "CONSUL_LOCK_HELD=true", "HOLDFAST_LOCK_HELD=true")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.in, p.out, p.err
	p.cmd.WaitDelay = grace
	// A group of its own can be ended as a whole; but who reads from a terminal must belong to the terminal's.
	p.cmd.SysProcAttr = attributes(p.in == nil)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	return ended, nil
}

// stop ends the program and what it has started, and waits for it.
func (p *program) stop(ended <-chan error) {
	p.signal(syscall.SIGTERM)
	select {
	case <-ended:
		return
	case <-time.After(grace):
	}
	p.signal(syscall.SIGKILL)
	<-ended
}

func (p *program) signal(s syscall.Signal) {
	pid := p.cmd.Process.Pid
	if p.in == nil {
		pid = -pid
	}
	_ = syscall.Kill(pid, s) // it may have ended
}
