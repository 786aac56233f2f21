//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/failover/lab"
	"holdfast/failover/lab/rootless"
)

// talk is the machines on which the recipes of examples/talk run: lb1 and lb2 are load balancers, gateways and proxies, db1 and db2 databases, and
// the client stands outside.
type talk struct {
	t   *testing.T
	lab *lab.Lab
	dir string
}

// The addresses that move, and a network that only the route of a recipe leads to.
const (
	talkVIP     = "10.77.0.100"
	talkGateway = "10.77.0.101" // the gateway's outer address
	talkInner   = "10.78.0.1"   // and its inner one
)

// TestTalk plays the three recipes of the talk of 2017 as people wrote them for Consul: the config directories and scripts of examples/talk,
// with real arping, ip, HAProxy and MariaDB, and a link named consul.
func TestTalk(t *testing.T) {
	if testing.Short() {
		t.Skip("machines of the lab's are no unit test")
	}
	for _, program := range []string{"arping", "ip", "haproxy", "curl", "python3", "mariadbd", "mariadb", "mariadb-install-db"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the recipes need %s, which is not on this machine", program)
		}
	}
	if out, _ := exec.CommandContext(t.Context(), "arping", "--help").CombinedOutput(); !strings.Contains(string(out), "Habets") {
		t.Skip("the recipes are written for the arping of Debian's package arping, and this is another")
	}
	if able, err := rootless.Able(); err != nil || !able || os.Geteuid() != 0 {
		t.Skip("this test runs daemons in network namespaces: run it as root, with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW")
	}
	x := openTalk(t)
	for _, line := range []string{
		"haproxy -D -f /etc/haproxy/loadbalancer.cfg -p /run/primary.pid", "ip addr add " + talkVIP + "/24 dev eth1 label eth1:lb",
		"echo 1 >/proc/sys/net/ipv4/ip_forward", "ip addr add " + talkInner + "/24 dev eth0 label eth0:gw", "ip addr add " + talkGateway + "/24 dev eth1 label eth1:gw",
	} {
		x.run("lb1", line)
	}
	for _, m := range []string{"lb1", "lb2", "db1", "db2"} {
		x.agent(m)
	}
	x.run("client", "ip route add 10.78.0.0/24 via "+talkGateway)
	x.run("db2", "ip route add 10.77.0.0/24 via "+talkInner)
	x.databases()
	x.soon("the routes are known", func() bool {
		return x.run("lb1", "consul kv put loadbalancer/route '192.0.2.0/24 via 10.77.0.200' && consul kv put gateway/route '198.51.100.0/24 via 10.77.0.200' >/dev/null") ==
			"Success! Data written to: loadbalancer/route"
	})

	x.loadBalancer()
	x.gateway()
	x.mysql()

	// The machine dies with all that it does.
	if err := x.lab.Machine("lb1").PowerOff(); err != nil {
		t.Fatal(err)
	}
	x.soon("lb2 is all there is", func() bool {
		return x.web() == "lb2" && x.through() && x.ask("10.77.0.12") == "db2"
	})
}

// openTalk makes the machines, with the scripts and a link named consul in /usr/local/bin.
func openTalk(t *testing.T) *talk {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x := &talk{t: t, dir: t.TempDir()}
	bin := filepath.Join(x.dir, "bin")
	if err := os.CopyFS(bin, os.DirFS("../../examples/talk/bin")); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join(bin, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		if err := os.Chmod(s, 0o755); err != nil { //nolint:gosec // programs
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(bin, "consul")); err != nil {
		t.Fatal(err)
	}
	inner := lab.Network{Name: "inner", IPv4: netip.MustParsePrefix("10.78.0.0/24"), Machines: []string{"lb1", "lb2", "db1", "db2"}}
	outer := lab.Network{Name: "outer", IPv4: netip.MustParsePrefix("10.77.0.0/24"), Machines: []string{"lb1", "lb2", "client"}}
	if x.lab, err = lab.New(lab.Options{Machines: []string{"lb1", "lb2", "db1", "db2"}, Networks: []lab.Network{inner, outer}}); err != nil {
		t.Fatal(err)
	}
	if err := x.lab.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, m := range []string{"lb1", "lb2"} {
				t.Logf("--- %s\n%s", m, x.last(m))
			}
			logs, _ := filepath.Glob(filepath.Join(x.dir, "*.log")) // what is there is shown
			for _, l := range logs {
				b, _ := os.ReadFile(l)
				t.Logf("--- %s\n%s", l, b)
			}
		}
		if err := x.lab.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, m := range append(x.lab.Machines(), x.lab.Client()) {
		etc := filepath.Join(x.dir, "etc-"+m.Name())
		if err := os.CopyFS(etc, os.DirFS("../../examples/talk/loadbalancer")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(etc, "haproxy.cfg"), filepath.Join(etc, "loadbalancer.cfg")); err != nil {
			t.Fatal(err)
		}
		x.run(m.Name(), fmt.Sprintf("mount --bind %s /usr/local/bin && mount --bind %s /etc/haproxy && mount -t tmpfs tmpfs /run", bin, etc))
	}
	return x
}

// last is how things are on a machine.
func (x *talk) last(machine string) string {
	if !x.lab.Machine(machine).Powered() {
		return "no power"
	}
	return x.run(machine, "ip -o -4 addr; ip route; ls -l /run /etc/haproxy")
}

func (x *talk) machine(name string) *lab.Machine {
	if name == "client" {
		return x.lab.Client()
	}
	return x.lab.Machine(name)
}

// start runs a line of shell on a machine; out is where it prints.
func (x *talk) start(ctx context.Context, machine, line string, out *os.File) *lab.Process {
	x.t.Helper()
	p, err := x.machine(machine).Start(ctx, []string{"/bin/sh", "-c", line}, lab.StartOptions{Env: append(os.Environ(), asHoldfast+"=1"), Stdout: out, Stderr: out})
	if err != nil {
		x.t.Fatal(err)
	}
	return p
}

// run runs a line of shell on a machine, and answers what it prints.
func (x *talk) run(machine, line string) string {
	x.t.Helper()
	out, err := os.CreateTemp(x.dir, "out-")
	if err != nil {
		x.t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.t.Context()), 20*time.Second)
	defer cancel()
	_ = x.start(ctx, machine, line, out).Wait(ctx) // what it prints tells
	b, err := os.ReadFile(out.Name())
	if err != nil {
		x.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// agent starts the agent of a machine with the directories of what it is there for.
func (x *talk) agent(machine string) {
	x.t.Helper()
	parts := map[string][]string{
		"lb1": {"loadbalancer/primary", "gateway/primary", "mysql/proxy"},
		"lb2": {"loadbalancer/fallback", "gateway/fallback", "mysql/proxy"},
		"db1": {"mysql/database"}, "db2": {"mysql/database"},
	}
	base := filepath.Join(x.dir, machine+".json")
	text := fmt.Sprintf(`{"node_name": %q, "data_dir": %q, "bind_addr": %q, "server": %v, "bootstrap_expect": %d, "retry_join": ["10.78.0.11", "10.78.0.12", "10.78.0.13"], "retry_interval": "1s"}`,
		machine, filepath.Join(x.dir, "data-"+machine), x.lab.Machine(machine).Addr(), machine != "db2", map[bool]int{true: 3}[machine != "db2"])
	if machine == "db2" {
		text = strings.Replace(text, `"bootstrap_expect": 0, `, "", 1)
	}
	if err := os.WriteFile(base, []byte(text), 0o600); err != nil {
		x.t.Fatal(err)
	}
	line := []string{"exec consul agent -config-file", base}
	for _, p := range parts[machine] {
		dir, err := filepath.Abs(filepath.Join("../../examples/talk", p))
		if err != nil {
			x.t.Fatal(err)
		}
		line = append(line, "-config-dir", dir)
	}
	log, err := os.Create(filepath.Join(x.dir, machine+".log"))
	if err != nil {
		x.t.Fatal(err)
	}
	defer log.Close()
	x.start(x.t.Context(), machine, strings.Join(line, " "), log)
}

// databases makes two of them and starts them.
func (x *talk) databases() {
	x.t.Helper()
	first := filepath.Join(x.dir, "db1.data")
	if out, err := exec.CommandContext(x.t.Context(), "mariadb-install-db", "--no-defaults", "--datadir="+first, "--user=root", "--skip-test-db").CombinedOutput(); err != nil {
		x.t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(x.dir, "db2.data"), os.DirFS(first)); err != nil {
		x.t.Fatal(err)
	}
	for _, m := range []string{"db1", "db2"} {
		x.database(m)
	}
}

func (x *talk) database(machine string) *lab.Process {
	x.t.Helper()
	log, err := os.Create(filepath.Join(x.dir, machine+"-mariadb.log"))
	if err != nil {
		x.t.Fatal(err)
	}
	defer log.Close()
	return x.start(x.t.Context(), machine, "exec mariadbd --no-defaults --user=root --skip-grant-tables --innodb-buffer-pool-size=8M --performance-schema=0 --tmpdir=/run --socket=/run/mysqld.sock --pid-file=/run/mysqld.pid --datadir="+
		filepath.Join(x.dir, machine+".data"), log)
}

// soon waits until something is so.
func (x *talk) soon(what string, ok func() bool) {
	x.t.Helper()
	start := time.Now()
	eventually(x.t, what, ok)
	x.t.Logf("%s after %s", what, time.Since(start).Round(10*time.Millisecond))
}

// web is the machine that the virtual address leads a client to.
func (x *talk) web() string { return x.run("client", "curl -s -m 1 http://"+talkVIP+"/") }

// through is whether a client outside reaches a machine inside, by the gateway.
func (x *talk) through() bool {
	return strings.Contains(x.run("client", "mariadb-admin --no-defaults --connect-timeout=1 -h 10.78.0.14 ping"), "alive")
}

// ask asks a proxy which database it leads to.
func (x *talk) ask(proxy string) string {
	return x.run("client", "mariadb --no-defaults --connect-timeout=1 -h "+proxy+" -P 3307 -N -e 'select @@hostname' 2>/dev/null")
}

// has is whether a machine has an address.
func (x *talk) has(machine, addr string) bool {
	x.t.Helper()
	has, err := x.lab.Machine(machine).HasAddress(netip.MustParseAddr(addr))
	if err != nil {
		x.t.Fatal(err)
	}
	return has
}

func (x *talk) loadBalancer() {
	x.t.Helper()
	x.soon("the address is in the store, and lb1 serves", func() bool {
		return x.run("lb2", "consul kv get loadbalancer/vips/eth1:lb") == talkVIP+"/24" && x.web() == "lb1"
	})
	x.soon("lb1 counts as healthy", func() bool { return strings.Contains(x.run("lb2", "consul catalog services"), "loadbalancer") })
	x.run("lb1", "kill $(cat /run/primary.pid)")
	x.soon("lb2 serves in its place", func() bool { return x.web() == "lb2" && !x.has("lb1", talkVIP) })
	x.soon("lb2 has the route", func() bool { return strings.Contains(x.run("lb2", "ip route"), "192.0.2.0/24 via 10.77.0.200") })
	x.run("lb1", "haproxy -D -f /etc/haproxy/loadbalancer.cfg -p /run/primary.pid")
	x.soon("lb1 serves again", func() bool { return x.web() == "lb1" && !x.has("lb2", talkVIP) })
}

func (x *talk) gateway() {
	x.t.Helper()
	x.soon("lb1 is the gateway", func() bool {
		return x.run("lb2", "consul kv get gateway/vips/eth0:gw") == talkInner+"/24" && x.through()
	})
	x.run("lb1", "echo 0 >/proc/sys/net/ipv4/ip_forward")
	x.soon("lb2 is the gateway", func() bool { return x.has("lb2", talkInner) && !x.has("lb1", talkInner) && x.through() })
	x.run("lb1", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	x.soon("lb1 is the gateway again", func() bool { return x.has("lb1", talkInner) && !x.has("lb2", talkInner) && x.through() })
}

func (x *talk) mysql() {
	x.t.Helper()
	x.soon("both proxies lead to db1", func() bool { return x.ask("10.77.0.11") == "db1" && x.ask("10.77.0.12") == "db1" })
	x.run("db1", "kill -9 $(cat /run/mysqld.pid)")
	x.soon("both proxies lead to db2", func() bool { return x.ask("10.77.0.11") == "db2" && x.ask("10.77.0.12") == "db2" })
	if config := x.run("lb2", "cat /etc/haproxy/mysql.cfg"); strings.Contains(config, "db1") || !strings.Contains(config, "server db2 10.78.0.14:3306") {
		x.t.Errorf("the proxy's configuration: %s", config)
	}
}
