package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// child is an agent as a process of its own, alone on loopback. It carries no addresses: no group fits a network of this machine.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *syncBuffer
	http string // where its API listens
	done chan struct{}
}

// syncBuffer is a buffer that one writes to and another reads.
type syncBuffer struct {
	mu sync.Mutex // guards following
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// freePorts is configuration with which agents do not get in each other's way.
const freePorts = `bind_addr = "127.0.0.1" ports { http = 0 dns = 0 serf_lan = 0 server = 0 } `

var (
	upLine   = regexp.MustCompile(`msg="holdfast is up".* http="?\[([^] ]*)`)
	leadLine = regexp.MustCompile(`this member leads`)
)

// startAgent starts an agent with this configuration and flags, and waits until it is up.
func startAgent(t *testing.T, config string, args ...string) *child {
	t.Helper()
	c := launch(t, append([]string{"agent", "-hcl", freePorts + config}, args...)...)
	c.http = c.await(upLine)[1]
	return c
}

// launch starts the program in a directory for temporary files of its own.
func launch(t *testing.T, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(self, args...), log: &syncBuffer{}, done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), asHoldfast+"=1", "TMPDIR="+t.TempDir())
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // ProcessState tells
		close(c.done)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		<-c.done
		if t.Failed() {
			t.Logf("--- log of the agent\n%s", c.log)
		}
	})
	return c
}

// await waits until the log has a line like this, and answers the match.
func (c *child) await(line *regexp.Regexp) []string {
	c.t.Helper()
	var m []string
	eventually(c.t, "log line "+line.String(), func() bool {
		m = line.FindStringSubmatch(c.log.String())
		select {
		case <-c.done:
			return true
		default:
			return m != nil
		}
	})
	if m == nil {
		c.t.Fatalf("the agent has ended: %s", c.cmd.ProcessState)
	}
	return m
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain for: %s", what)
		case <-tick.C:
		}
	}
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// ended waits until the process has ended, and answers its exit code.
func (c *child) ended() int {
	c.t.Helper()
	select {
	case <-c.done:
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(60 * time.Second):
		c.t.Fatal("the agent does not end")
		return 0
	}
}

// ask runs a client verb against the agent.
func (c *child) ask(args ...string) said {
	c.t.Helper()
	return terminal{env: map[string]string{"HOLDFAST_HTTP_ADDR": c.http}}.run(c.t, args...)
}

// tmp is what the agent has in its directory for temporary files.
func (c *child) tmp() []string {
	c.t.Helper()
	for _, e := range slices.Backward(c.cmd.Env) { // the last one counts
		if dir, ok := strings.CutPrefix(e, "TMPDIR="); ok {
			names, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil {
				c.t.Fatal(err)
			}
			return names
		}
	}
	return nil
}

// TestSignals holds what each signal does to an agent, and that nothing of it stays on disk.
func TestSignals(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		signal       os.Signal
		leave        bool
	}{
		{"terminate", "", syscall.SIGTERM, false},
		{"terminate and leave", "leave_on_terminate = true", syscall.SIGTERM, true},
		{"interrupt", "", os.Interrupt, false}, // a server stays a member
		{"interrupt and leave", "skip_leave_on_interrupt = false", os.Interrupt, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pid := filepath.Join(t.TempDir(), "pid")
			c := startAgent(t, tt.config, "-dev", "-pid-file", pid)
			c.await(leadLine)
			if b, err := os.ReadFile(pid); err != nil || string(b) != fmt.Sprintln(c.cmd.Process.Pid) {
				t.Errorf("pid file: %q, %v", b, err)
			}
			if len(c.tmp()) != 1 {
				t.Errorf("while it runs it has %q", c.tmp())
			}
			c.signal(syscall.SIGPIPE) // ignored
			c.signal(tt.signal)
			if code := c.ended(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if want := fmt.Sprintf("msg=stopping why=\"signal %s\" leave=%v", tt.signal, tt.leave); !strings.Contains(c.log.String(), want) {
				t.Errorf("the log does not have: %s", want)
			}
			if _, err := os.Stat(pid); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the pid file is there: %v", err)
			}
			if left := c.tmp(); len(left) > 0 {
				t.Errorf("a -dev agent has left %q behind", left)
			}
		})
	}
}

// TestSecondSignal holds that a stop that takes long can be cut short.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	pid, runs := filepath.Join(t.TempDir(), "pid"), filepath.Join(t.TempDir(), "runs")
	c := startAgent(t, `watches = [{ type = "nodes" args = ["sh", "-c", "echo >> `+runs+`; while kill -0 $PPID; do sleep 0.05; done"] }]`, "-dev", "-pid-file", pid)
	c.await(leadLine)
	// A handler that runs and a request that is being answered hold the stop up for a while: the request's body does not come to an end.
	eventually(t, "the handler runs", func() bool { return lines(t, runs) == 1 })
	conn, err := net.Dial("tcp", c.http)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("the request is not being read: %q, %v", line, err)
	}
	c.signal(syscall.SIGTERM)
	c.await(regexp.MustCompile("msg=stopping"))
	c.signal(syscall.SIGHUP) // no second signal to stop
	c.signal(syscall.SIGTERM)
	if code := c.ended(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(c.log.String(), "ending at once") {
		t.Error("the log does not say so")
	}
	if _, err := os.Stat(pid); !errors.Is(err, os.ErrNotExist) || len(c.tmp()) > 0 {
		t.Errorf("left behind: pid file %v, %q", err, c.tmp())
	}
}
