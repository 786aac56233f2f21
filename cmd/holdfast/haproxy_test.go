//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/failover/lab"
	"holdfast/failover/lab/rootless"
)

// TestHAProxyRendered plays examples/haproxy-rendered with its own files: HAProxys whose configuration the agents render follow a failed check, a
// machine that dies, and a change that HAProxy refuses.
func TestHAProxyRendered(t *testing.T) {
	if testing.Short() {
		t.Skip("machines of the lab's are no unit test")
	}
	for _, program := range []string{"haproxy", "nginx", "curl", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the example needs %s, which is not on this machine", program)
		}
	}
	if able, err := rootless.Able(); err != nil || !able || os.Geteuid() != 0 {
		t.Skip("this test runs daemons in network namespaces: run it as root, with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW")
	}
	machines := []string{"n1", "n2", "n3"}
	x := openBalancers(t, machines)
	x.soon("every HAProxy knows every web server", func() bool {
		for _, m := range machines {
			if len(x.servers(m)) != 3 {
				return false
			}
		}
		return len(x.answers(12)) == 3
	})

	// A check fails: the server gets nothing any more, wherever clients come in, and nobody is told so but by the files.
	x.run("n2", "rm /run/in-service")
	x.soon("n2 is in nobody's configuration", func() bool {
		return !x.servers("n1")["n2"] && !x.servers("n2")["n2"] && !x.servers("n3")["n2"]
	})
	x.soon("n2 gets nothing", func() bool { got := x.answers(12); return len(got) == 2 && got["10.77.0.12"] == 0 })
	t.Logf("n1 says: %s", x.state("n1"))
	x.run("n2", "touch /run/in-service")
	x.soon("n2 is back", func() bool { return len(x.answers(12)) == 3 })

	// A setting from the key/value store, and one that HAProxy refuses.
	x.run("n1", "holdfast kv put haproxy/balance leastconn")
	x.soon("the setting is in the file", func() bool { return strings.Contains(x.config("n3"), "balance leastconn") })
	x.run("n1", "holdfast kv put haproxy/balance fairly")
	x.soon("the setting is refused", func() bool {
		s := x.state("n3")
		return strings.Contains(s, `"refused"`) && strings.Contains(s, "haproxy.cfg (new)") && strings.Contains(s, "balance only supports")
	})
	if !strings.Contains(x.config("n3"), "balance leastconn") {
		t.Errorf("the file is\n%s", x.config("n3"))
	}
	x.soon("clients are answered by all, and by nobody else", func() bool { return len(x.answers(6)) == 3 })
	x.run("n1", "holdfast kv delete haproxy/balance")
	x.soon("the setting is the default", func() bool { return strings.Contains(x.config("n3"), "balance roundrobin") })

	// The machine dies that clients come in by.
	var holder string
	x.soon("somebody holds the address", func() bool {
		for _, m := range machines {
			if x.has(m, talkVIP) && strings.Contains(x.run(m, "holdfast status"), m+" is serving web") {
				holder = m
			}
		}
		return holder != ""
	})
	if err := x.lab.Machine(holder).PowerOff(); err != nil {
		t.Fatal(err)
	}
	x.soon("the others serve without "+holder, func() bool {
		got := x.answers(12)
		return len(got) == 2 && got[x.lab.Machine(holder).Addr().String()] == 0 && got["none"] == 0
	})
}

// balancers are machines with a web server, HAProxy and an agent each.
type balancers struct{ *talk }

func openBalancers(t *testing.T, machines []string) *balancers {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x := &balancers{&talk{t: t, dir: t.TempDir()}}
	if x.lab, err = lab.New(lab.Options{Machines: machines}); err != nil {
		t.Fatal(err)
	}
	if err := x.lab.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(x.dir, "*.log")) // what is there is shown
			for _, l := range logs {
				b, _ := os.ReadFile(l)
				t.Logf("--- %s\n%s", l, b[max(0, len(b)-6000):])
			}
		}
		if err := x.lab.Close(); err != nil {
			t.Error(err)
		}
	})
	bin := filepath.Join(x.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "holdfast")); err != nil {
		t.Fatal(err)
	}
	for _, m := range machines {
		etc := filepath.Join(x.dir, "etc-"+m)
		if err := os.CopyFS(etc, os.DirFS("../../examples/haproxy-rendered")); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(etc, "reload"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		x.run(m, fmt.Sprintf("mount --bind %s /usr/local/bin && mount --bind %s /etc/haproxy && mount -t tmpfs tmpfs /run && touch /run/in-service && nginx -c /etc/haproxy/nginx.conf", bin, etc))
		x.member(m, machines)
	}
	return x
}

// member starts the agent of a machine.
func (x *balancers) member(machine string, all []string) {
	x.t.Helper()
	base := filepath.Join(x.dir, machine+".json")
	text := fmt.Sprintf(`{"node_name": %q, "data_dir": %q, "bind_addr": %q, "server": true, "bootstrap_expect": %d, "retry_join": ["10.77.0.11", "10.77.0.12", "10.77.0.13"], "retry_interval": "1s"}`,
		machine, filepath.Join(x.dir, "data-"+machine), x.lab.Machine(machine).Addr(), len(all))
	if err := os.WriteFile(base, []byte(text), 0o600); err != nil {
		x.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(x.dir, machine+".log"))
	if err != nil {
		x.t.Fatal(err)
	}
	defer log.Close()
	x.start(x.t.Context(), machine, "exec holdfast agent -config-file "+base+" -config-dir /etc/haproxy", log)
}

func (x *balancers) config(machine string) string {
	return x.run(machine, "cat /etc/haproxy/haproxy.cfg")
}

// servers are the machines that a machine's HAProxy is configured with.
func (x *balancers) servers(machine string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(x.config(machine)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "server" {
			out[f[1]] = true
		}
	}
	return out
}

// state is what a machine's agent says of its templates.
func (x *balancers) state(machine string) string {
	return x.run(machine, "curl -s http://127.0.0.1:8500/v1/failover/templates")
}

// answers counts who answers a client at the virtual address, by addresses; "none" is nobody.
func (x *balancers) answers(n int) map[string]int {
	out := map[string]int{}
	for line := range strings.Lines(x.run("client", fmt.Sprintf("for i in $(seq %d); do curl -s -f -m 1 http://%s/ || echo none; done", n, talkVIP))) {
		out[strings.TrimSpace(line)]++
	}
	return out
}
