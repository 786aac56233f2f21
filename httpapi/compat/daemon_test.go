package compat

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/consul/api"
)

// agent is one daemon on a loopback address and the usual ports of its own, with a client of it.
type agent struct {
	*api.Client
	name string
	addr netip.Addr
	dir  string
	cmd  *exec.Cmd
	done chan error // how the daemon ended
}

// start starts one server and waits until it serves. It ends with the test. extra is more configuration in HCL.
func start(t *testing.T, extra ...string) *agent {
	t.Helper()
	return startCluster(t, 1, extra...)[0]
}

// startCluster starts n servers n1, n2… that are one cluster.
func startCluster(t *testing.T, n int, extra ...string) []*agent {
	t.Helper()
	addrs := addresses(t, n)
	join := strings.ReplaceAll(fmt.Sprintf("%q", addrs), " ", ", ")
	var all []*agent
	for i, addr := range addrs {
		a := &agent{name: fmt.Sprintf("n%d", i+1), addr: addr, dir: t.TempDir()}
		config := fmt.Sprintf("node_name = %q\nserver = true\nbootstrap_expect = %d\ndata_dir = %q\nbind_addr = %q\nclient_addr = %q\nenable_script_checks = true\n",
			a.name, n, filepath.Join(a.dir, "data"), addr, addr)
		if n > 1 {
			config += "retry_join = " + join + "\n"
		}
		a.write(t, config+strings.Join(extra, "\n"))
		var err error
		if a.Client, err = api.NewClient(&api.Config{Address: a.http()}); err != nil {
			t.Fatal(err)
		}
		a.start(t)
		all = append(all, a)
	}
	for _, a := range all {
		eventually(t, a.name+" is in the catalog and passing", func() error {
			checks, _, err := a.Health().Node(a.name, &api.QueryOptions{RequireConsistent: true})
			if err == nil && (len(checks) == 0 || checks.AggregatedStatus() != api.HealthPassing) {
				err = fmt.Errorf("its checks are %v", checks)
			}
			return err
		})
	}
	return all
}

func (a *agent) http() string { return net.JoinHostPort(a.addr.String(), "8500") }

func (a *agent) configFile() string { return filepath.Join(a.dir, "config.hcl") }

func (a *agent) write(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(a.configFile(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts the daemon, with the data of its earlier lives. It is killed at the end of the test, and its log shown if that failed.
func (a *agent) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(a.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("consul", "agent", "-config-file", a.configFile())
	cmd.Stdout, cmd.Stderr = log, log
	a.cmd, a.done = cmd, spawn(t, cmd)
	t.Cleanup(func() {
		a.kill(t)
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("the log of %s:\n%s", a.name, text[max(0, len(text)-8000):])
		}
		log.Close()
	})
}

// kill is kill -9. A daemon that has ended is left alone.
func (a *agent) kill(t *testing.T) {
	t.Helper()
	if a.cmd == nil {
		return
	}
	if err := a.cmd.Process.Kill(); err != nil {
		t.Logf("kill %s: %v", a.name, err)
	}
	<-a.done
	a.cmd = nil
}

// spawn starts a program that dies with this process, and tells when it has ended. A thread is kept for as long as it lives: the kernel's
// Pdeathsig speaks of the thread that started it.
func spawn(t *testing.T, cmd *exec.Cmd) chan error {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, done := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- cmd.Wait()
			close(done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return done
}

// addresses are n free loopback addresses in a row: other tests run at the same time.
func addresses(t *testing.T, n int) []netip.Addr {
	t.Helper()
	for range 100 {
		first := netip.AddrFrom4([4]byte{127, byte(64 + rand.N(128)), byte(1 + rand.N(250)), 1})
		var all []netip.Addr
		for a := first; len(all) < n && free(a); a = a.Next() {
			all = append(all, a)
		}
		if len(all) == n {
			return all
		}
	}
	t.Fatal("no free loopback addresses from 127.64.0.1 upwards")
	return nil
}

func free(a netip.Addr) bool {
	for _, port := range []string{"8300", "8500"} {
		l, err := net.Listen("tcp", net.JoinHostPort(a.String(), port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
