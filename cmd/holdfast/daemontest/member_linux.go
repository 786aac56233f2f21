package daemontest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Member is one daemon of a Cluster. Its methods may be called from any goroutine.
type Member struct {
	*KV
	Addr    netip.Addr
	t       testing.TB
	argv    []string
	env     []string
	logFile string

	mu   sync.Mutex // guards following
	proc *process   // nil while it is down
}

// process is one life of a daemon.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; readable once done is closed
}

// Start starts the daemon, with the data directory of its earlier lives. It does not wait until it serves. One that runs is left alone.
func (m *Member) Start() {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proc != nil {
		return
	}
	log, err := os.OpenFile(m.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Error(err)
		return
	}
	defer log.Close()
	p := &process{cmd: exec.Command(m.argv[0], m.argv[1:]...), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = m.env, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.start(); err != nil {
		m.t.Errorf("start %s: %v", m.Member, err)
		return
	}
	m.proc = p
}

// start keeps a thread for as long as the process lives: the kernel's Pdeathsig speaks of the thread that started it.
func (p *process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return <-started
}

// Kill is kill -9, and returns once nothing is left of the process. One that had ended by itself fails the test.
func (m *Member) Kill() {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.killLocked()
}

func (m *Member) killLocked() {
	m.t.Helper()
	p := m.proc
	if p == nil {
		return
	}
	m.proc = nil
	select {
	case <-p.done:
		m.t.Errorf("the daemon of %s had ended by itself: %v", m.Member, p.err)
		return
	default:
	}
	if err := p.cmd.Process.Kill(); err != nil {
		m.t.Errorf("kill %s: %v", m.Member, err)
	}
	<-p.done
}

// Freeze stops the process (SIGSTOP) until Thaw.
func (m *Member) Freeze() { m.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on (SIGCONT).
func (m *Member) Thaw() { m.signal(syscall.SIGCONT) }

func (m *Member) signal(s syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proc == nil {
		return
	}
	if err := m.proc.cmd.Process.Signal(s); err != nil {
		m.t.Errorf("send %s to %s: %v", s, m.Member, err)
	}
}

// Running reports whether the daemon has been started and not killed.
func (m *Member) Running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.proc != nil
}

// Log is what the daemon has logged, in all its lives.
func (m *Member) Log() string {
	m.t.Helper()
	b, err := os.ReadFile(m.logFile)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// Serves reports whether the member reads and knows of a leader.
func (m *Member) Serves(ctx context.Context) bool {
	_, _, err := m.Get(ctx, "daemontest", "consistent")
	return err == nil
}

// CPU is the processor time that the daemon's present process has used, in steps of 10 ms.
func (m *Member) CPU() time.Duration {
	fields := m.about("stat")
	fields = fields[strings.LastIndexByte(fields, ')')+1:]
	var skip string
	var user, system int64
	_, _ = fmt.Sscan(fields, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system) // 0 where it has ended
	return time.Duration(user+system) * time.Second / 100
}

// RSS is the memory that it has resident, in bytes.
func (m *Member) RSS() int64 {
	var size, resident int64
	_, _ = fmt.Sscan(m.about("statm"), &size, &resident) // 0 where it has ended
	return resident * int64(os.Getpagesize())
}

// about is a file of /proc about the process, "" where there is none.
func (m *Member) about(file string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proc == nil {
		return ""
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", m.proc.cmd.Process.Pid, file)) // gone with the process
	return string(b)
}

// configure writes the daemon's config file.
func (m *Member) configure(dir string, members []*Member, extra string) error {
	var join []string
	for _, o := range members {
		if o != m {
			join = append(join, fmt.Sprintf("%q", o.Addr))
		}
	}
	config := fmt.Sprintf(`node_name   = %q
data_dir    = %q
bind_addr   = %q
client_addr = %q
retry_join  = [%s]
%s
`, m.Member, filepath.Join(dir, m.Member), m.Addr, m.Addr, strings.Join(join, ", "), extra)
	return os.WriteFile(filepath.Join(dir, m.Member+".hcl"), []byte(config), 0o600)
}
