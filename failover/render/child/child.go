// Package child keeps a program running that reads rendered files: it is told when they have changed, by a signal or by being started anew, it is
// passed the signals that its parent gets, and it is ended in an orderly way. That it ends by itself is told to whoever runs it; nobody starts it again.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Options are the program, and how it is dealt with.
type Options struct {
	Command        []string // one element with blanks in it is a line for the shell
	Environ        []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	Reload      syscall.Signal // tells of a change; 0: the program is ended and started anew
	Kill        syscall.Signal // asks it to end; 0: it is killed at once
	KillTimeout time.Duration  // between Kill and SIGKILL
	Splay       time.Duration  // at most so long is waited before Reload: not all machines do it at once
}

// Child is a program that runs, or will.
type Child struct {
	opts    Options
	reload  chan struct{} // holds one
	signals chan syscall.Signal
}

// New makes a child.
func New(opts Options) *Child {
	return &Child{opts: opts, reload: make(chan struct{}, 1), signals: make(chan syscall.Signal, 16)}
}

// Reload says that files have changed. What is said before the program has been told counts once.
func (c *Child) Reload() {
	select {
	case c.reload <- struct{}{}:
	default:
	}
}

// Signal passes a signal on.
func (c *Child) Signal(s syscall.Signal) {
	select {
	case c.signals <- s:
	default: // it is being ended
	}
}

// Run runs the program until it ends by itself, and answers its exit code, 255 where a signal has ended it. When ctx ends, it is ended, without a splay,
// and the answer is the context's error.
func (c *Child) Run(ctx context.Context) (code int, err error) {
	p, err := c.start()
	if err != nil {
		return 0, err
	}
	for {
		select {
		case <-p.done:
			return p.code(), nil
		case s := <-c.signals:
			p.signal(s)
		case <-c.reload:
			if !c.splay(ctx, p) {
				continue
			}
			if c.opts.Reload != 0 {
				p.signal(c.opts.Reload)
				continue
			}
			c.stop(p)
			if p, err = c.start(); err != nil {
				return 0, err
			}
		case <-ctx.Done():
			c.stop(p)
			return 0, ctx.Err()
		}
	}
}

// splay waits, and answers whether the program is still there to be told.
func (c *Child) splay(ctx context.Context, p *process) bool {
	if c.opts.Splay <= 0 {
		return true
	}
	t := time.NewTimer(rand.N(c.opts.Splay)) //nolint:gosec // nobody may not guess it
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.done:
	case <-ctx.Done():
	}
	return false
}

// stop ends the program.
func (c *Child) stop(p *process) {
	if c.opts.Kill != 0 {
		p.signal(c.opts.Kill)
		t := time.NewTimer(c.opts.KillTimeout)
		defer t.Stop()
		select {
		case <-p.done:
			return
		case <-t.C:
		}
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// process is the program as it runs now.
type process struct {
	cmd   *exec.Cmd
	group bool          // it has a process group of its own: that of a shell and what it has started
	done  chan struct{} // closed when it has ended
}

// lateOutput is how long others may keep the program's output open once it has ended.
const lateOutput = 200 * time.Millisecond

func (c *Child) start() (*process, error) {
	o := &c.opts
	p := &process{done: make(chan struct{})}
	args := o.Command
	if len(args) == 1 && len(strings.Fields(args[0])) > 1 {
		args, p.group = []string{"/bin/sh", "-c", args[0]}, true
	}
	if len(args) == 0 || args[0] == "" {
		return nil, errors.New("the program to run has no name")
	}
	p.cmd = exec.Command(args[0], args[1:]...) //nolint:gosec // it is there to run what the user says
	p.cmd.Env, p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = o.Environ, o.Stdin, o.Stdout, o.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: p.group}
	p.cmd.WaitDelay = lateOutput
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", strings.Join(o.Command, " "), err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // ProcessState says it
	}()
	return p, nil
}

func (p *process) signal(s syscall.Signal) {
	pid := p.cmd.Process.Pid
	if p.group {
		pid = -pid
	}
	select {
	case <-p.done: // the number may be another's by now
	default:
		_ = syscall.Kill(pid, s) // it may have ended
	}
}

// code is the exit code of one that has ended.
func (p *process) code() int {
	if code := p.cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return 255
}

// ParseSignal reads "SIGHUP", in whatever case; "" and "SIGNULL" are 0, none.
func ParseSignal(name string) (syscall.Signal, error) {
	switch upper := strings.ToUpper(name); upper {
	case "", "SIGNULL":
		return 0, nil
	default:
		if s, ok := signals[upper]; ok {
			return s, nil
		}
	}
	return 0, fmt.Errorf("the signal %q is not known: want SIGHUP, SIGUSR1 and so on, or \"\" for none", name)
}

var signals = map[string]syscall.Signal{
	"SIGABRT": syscall.SIGABRT, "SIGALRM": syscall.SIGALRM, "SIGBUS": syscall.SIGBUS, "SIGCONT": syscall.SIGCONT, "SIGFPE": syscall.SIGFPE, "SIGHUP": syscall.SIGHUP,
	"SIGILL": syscall.SIGILL, "SIGINT": syscall.SIGINT, "SIGIO": syscall.SIGIO, "SIGIOT": syscall.SIGIOT, "SIGKILL": syscall.SIGKILL, "SIGPIPE": syscall.SIGPIPE,
	"SIGPROF": syscall.SIGPROF, "SIGQUIT": syscall.SIGQUIT, "SIGSEGV": syscall.SIGSEGV, "SIGSTOP": syscall.SIGSTOP, "SIGSYS": syscall.SIGSYS, "SIGTERM": syscall.SIGTERM,
	"SIGTRAP": syscall.SIGTRAP, "SIGTSTP": syscall.SIGTSTP, "SIGTTIN": syscall.SIGTTIN, "SIGTTOU": syscall.SIGTTOU, "SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2,
	"SIGWINCH": syscall.SIGWINCH, "SIGXCPU": syscall.SIGXCPU, "SIGXFSZ": syscall.SIGXFSZ,
}

// Passed are the signals that are passed on to a child, but for those that its parent keeps for itself.
var Passed = []os.Signal{
	syscall.SIGALRM, syscall.SIGCONT, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
}
