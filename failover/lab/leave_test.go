//go:build linux

package lab

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is also a program that opens a lab and waits, for tests of how labs end. The environment variable has a value of its
// own in each test: every process that such a lab has started inherits it and can be found by it.
const victimVar = "HOLDFAST_LAB_VICTIM"

func TestMain(m *testing.M) {
	Child()
	if os.Getenv(victimVar) != "" {
		os.Exit(victim())
	}
	if os.Getenv(unprivilegedVar) != "" {
		code, entered, err := Enter()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if entered {
			os.Exit(code)
		}
	}
	os.Exit(m.Run())
}

// victim opens a lab with something running in it, says so, and closes it on SIGINT or SIGTERM.
func victim() int {
	code, entered, err := Enter()
	if entered {
		return code
	}
	if err == nil {
		err = suffer()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 42
}

func suffer() error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	l, err := New(Options{Machines: []string{"n1", "n2"}})
	if err != nil {
		return err
	}
	if err := l.Open(ctx); err != nil {
		return err
	}
	for _, m := range l.Machines() {
		if _, err := m.Serve(context.WithoutCancel(ctx), DefaultPort); err != nil {
			return err
		}
		if _, err := m.Start(context.WithoutCancel(ctx), []string{"sh", "-c", "trap '' INT TERM HUP; sleep 1000 & sleep 1000"}, StartOptions{}); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	<-ctx.Done()
	return l.Close()
}

// openVictim starts the program, as somebody, and waits until its lab stands. It is the head of a process group, as from a shell.
func openVictim(t *testing.T, who *syscall.Credential) (cmd *exec.Cmd, mark string) {
	t.Helper()
	mark = fmt.Sprintf("%s=%d-%d", victimVar, os.Getpid(), time.Now().UnixNano())
	cmd = exec.Command(publicCopy(t))
	cmd.Env = append(os.Environ(), mark)
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Credential: who, Setpgid: true}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		t.Fatalf("the lab did not open: %s %v", line, err)
	}
	return cmd, mark
}

// publicCopy is this test binary where everyone can run it: go test builds it in a directory of our own.
func publicCopy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // which is this test's own, too
	self, err := os.Open("/proc/self/exe")
	must(t, err)
	defer self.Close()
	path := filepath.Join(dir, "lab.test")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(f, self)
	must(t, err)
	must(t, f.Close())
	return path
}

// marked are the live processes with the mark in their environment.
func marked(t *testing.T, mark string) (pids []string) {
	t.Helper()
	procs, err := os.ReadDir("/proc")
	must(t, err)
	for _, p := range procs {
		env, err := os.ReadFile("/proc/" + p.Name() + "/environ")
		if err == nil && slices.Contains(strings.Split(string(env), "\x00"), mark) {
			pids = append(pids, p.Name())
		}
	}
	return pids
}

// TestNothingIsLeft ends labs in every way there is and looks for processes of theirs. What their namespaces hold dies with them.
func TestNothingIsLeft(t *testing.T) {
	needRoot(t)
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	tests := []struct {
		name string
		who  *syscall.Credential
		sig  unix.Signal
		code int // -1 is death by signal
	}{
		{"root, Ctrl-C", nil, unix.SIGINT, 42},
		{"root, kill -9", nil, unix.SIGKILL, -1},
		{"nobody, Ctrl-C", nobody, unix.SIGINT, 42},
		{"nobody, SIGTERM", nobody, unix.SIGTERM, 42},
		{"nobody, kill -9", nobody, unix.SIGKILL, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.who != nil {
				needUserNamespaces(t)
			}
			cmd, mark := openVictim(t, tt.who)
			// The lab, the first processes of three machines, two services, two shells with two children each.
			if n := len(marked(t, mark)); n < 8 {
				t.Fatalf("%d processes run, want 8 or more", n)
			}
			must(t, cmd.Process.Signal(tt.sig))
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != tt.code {
				t.Errorf("exit code %d, want %d", got, tt.code)
			}
			eventually(t, "no process is left", func() bool { return len(marked(t, mark)) == 0 })
		})
	}
}
