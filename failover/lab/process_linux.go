package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// StartOptions are the surroundings of a process. The zero value gives it the lab's own.
type StartOptions struct {
	Env    []string // nil means the lab's own
	Dir    string   // "" means the lab's own
	Stdout *os.File // nil means nowhere
	Stderr *os.File // nil means nowhere
}

// Process is a program that runs on a machine. It dies with the machine, and the machine with the lab.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; readable once done is closed
}

// Start runs a program on the machine, as root of it. When ctx is done, the process is killed.
func (m *Machine) Start(ctx context.Context, argv []string, o StartOptions) (*Process, error) {
	if len(argv) == 0 {
		return nil, fmt.Errorf("start on %s: there is no program: give argv", m.name)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", argv[0], m.name, err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = o.Env, o.Dir
	if cmd.Env == nil {
		cmd.Env = ownEnviron()
	}
	if cmd.Dir == "" { // entering the machine leaves a thread in /
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		cmd.Dir = dir
	}
	if o.Stdout != nil {
		cmd.Stdout = o.Stdout
	}
	if o.Stderr != nil {
		cmd.Stderr = o.Stderr
	}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	err := m.launch(cmd, func(err error) {
		p.err = err
		close(p.done)
	})
	if err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", argv[0], m.name, err)
	}
	go p.heed(ctx)
	return p, nil
}

// heed kills the process when ctx is done.
func (p *Process) heed(ctx context.Context) {
	select {
	case <-ctx.Done():
		_ = p.Kill()
	case <-p.done:
	}
}

// ownEnviron is the lab's environment without what it says to its own children.
func ownEnviron() []string {
	env := make([]string, 0, len(os.Environ()))
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, roleVar+"=") {
			env = append(env, v)
		}
	}
	return env
}

// Pid is the process ID as the lab sees it. On its own machine the process has another one.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends the process, and nobody else, a signal. A process that has ended is no error.
func (p *Process) Signal(sig unix.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to process %d: %w", unix.SignalName(sig), p.Pid(), err)
	}
	return nil
}

// Kill is kill -9.
func (p *Process) Kill() error { return p.Signal(unix.SIGKILL) }

// Stop suspends the process (SIGSTOP) until Cont.
func (p *Process) Stop() error { return p.Signal(unix.SIGSTOP) }

// Cont lets a stopped process go on (SIGCONT).
func (p *Process) Cont() error { return p.Signal(unix.SIGCONT) }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits until the process has ended and says how: nil, an *exec.ExitError, or the error of ctx.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("wait for process %d: %w", p.Pid(), ctx.Err())
	}
}

// RSS is the memory that the process has resident, in bytes.
func (p *Process) RSS() (int64, error) {
	fields, err := p.stat("statm")
	if err != nil {
		return 0, err
	}
	if len(fields) < 2 {
		return 0, fmt.Errorf("process %d: statm has %d fields", p.Pid(), len(fields))
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// CPU is the processor time, user and system, that the process has used, in steps of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	const utime, stime, ticksPerSecond = 11, 12, 100 // fields counted from the one after the program's name; USER_HZ
	fields, err := p.stat("stat")
	if err != nil {
		return 0, err
	}
	if len(fields) <= stime {
		return 0, fmt.Errorf("process %d: stat has %d fields", p.Pid(), len(fields))
	}
	user, err := strconv.ParseInt(fields[utime], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, err
}

// stat reads the fields of a file in /proc/PID, from the one after the program's name where there is one.
func (p *Process) stat(file string) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.Pid(), file))
	if err != nil {
		return nil, err
	}
	s := string(b)
	if i := strings.LastIndexByte(s, ')'); i >= 0 {
		s = s[i+1:]
	}
	return strings.Fields(s), nil
}
