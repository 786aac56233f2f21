package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/cluster"
)

const example = `
server           = true
bootstrap_expect = 3
node_name        = "n1"
data_dir         = "/var/lib/holdfast"
bind_addr        = "10.77.0.1"
retry_join       = ["10.77.0.2", "10.77.0.3"]
ports { http = 8501  grpc = -1 }
enable_local_script_checks = true

service {
  name = "gateway"
  port = 80
  tags = ["a", "b"]
  check { args = ["/bin/true"]  interval = "200ms" }
  check { process { pid_file = "/run/gw.pid" } }
}

group "gateway" {
  service = "gateway"
  vip "10.77.0.100/24" {}
  vip "fd77::100/64" { interface = "eth0" }
  prefer  = ["n1", "n2"]
  preempt = false
  on_acquire { args = ["logger", "mine"]  timeout = "2s" }
}
`

func parse(t *testing.T, name, text string) *File {
	t.Helper()
	f, _, err := Parse(name, []byte(text), "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBuildExample(t *testing.T) {
	c, err := Build(parse(t, "a.hcl", example))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.HTTPAddrs, []string{"127.0.0.1:8501"}; !cmp.Equal(got, want) {
		t.Errorf("HTTPAddrs = %v, want %v", got, want)
	}
	if c.AdvertiseAddr.String() != "10.77.0.1" || c.ServerPort != 8300 || !c.SkipLeaveOnInterrupt || c.LeaseTTL != 700*time.Millisecond {
		t.Errorf("defaults are off: %+v", c)
	}
	checks := c.Services[0].Checks
	if checks[0].ID != "service:gateway:1" || checks[1].ID != "service:gateway:2" || checks[0].Name != "Service 'gateway' check" {
		t.Errorf("checks = %+v", checks)
	}
	if checks[0].Interval != 200*time.Millisecond || checks[1].Process.PIDFile != "/run/gw.pid" {
		t.Errorf("checks = %+v", checks)
	}
	g := c.Groups[0]
	if len(g.VIPs) != 2 || g.VIPs[0].Addr().String() != "10.77.0.100" || g.VIPs[1].Interface != "eth0" {
		t.Errorf("vips = %+v", g.VIPs)
	}
	if want := []cluster.Hook{{Args: []string{"logger", "mine"}, Timeout: 2 * time.Second}}; !cmp.Equal(g.OnAcquire, want) {
		t.Errorf("on_acquire = %+v, want %+v", g.OnAcquire, want)
	}
}

// TestFormatsAgree holds that a file means the same in JSON and in HCL.
func TestFormatsAgree(t *testing.T) {
	hcl := parse(t, "a.hcl", `
server = true
services { name = "web" port = 80 checks { ttl = "15s" } }
services { name = "db" meta { role = "primary" } }
ports { dns = -1 }
group "g" { vip "10.0.0.9/24" {} }
group "h" { vip "10.0.0.8/24" {} }
`)
	json := parse(t, "a.json", `{
"server": true,
"services": [{"name": "web", "port": 80, "checks": [{"ttl": "15s"}]}, {"name": "db", "meta": {"role": "primary"}}],
"ports": {"dns": -1},
"group": {"g": {"vip": {"10.0.0.9/24": {}}}, "h": {"vip": {"10.0.0.8/24": {}}}}
}`)
	if d := cmp.Diff(hcl, json, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("HCL and JSON differ (-hcl +json):\n%s", d)
	}
}

func TestMerge(t *testing.T) {
	base := parse(t, "a.hcl", `node_name = "a" log_level = "warn" retry_join = ["x"] ports { http = 1 dns = 2 } node_meta { a = "1" }`)
	Merge(base, parse(t, "b.hcl", `node_name = "b" retry_join = ["y"] ports { dns = 3 } node_meta { b = "2" }`))
	want := parse(t, "c.hcl", `node_name = "b" log_level = "warn" retry_join = ["x", "y"] ports { http = 1 dns = 3 } node_meta { a = "1" b = "2" }`)
	if d := cmp.Diff(want, base); d != "" {
		t.Errorf("merged (-want +got):\n%s", d)
	}
}

func TestLoadDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"10.hcl": `node_name = "first" datacenter = "one"`, "20.json": `{"node_name": "second"}`, "30.txt": `not a config file`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, _, err := Load([]string{"", dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	if *f.NodeName != "second" || *f.Datacenter != "one" {
		t.Errorf("node_name %q, datacenter %q", *f.NodeName, *f.Datacenter)
	}
}

// TestSentences holds that a mistake in a file is one sentence that names what is wrong, and where.
func TestSentences(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", `bidn_addr = "10.0.0.1"`, `config file x.hcl: unknown key "bidn_addr"`},
		{"unknown nested key", `ports { htpp = 1 }`, `config file x.hcl: unknown key "ports.htpp"`},
		{"unknown key in a list", `service { name = "a" prot = 1 }`, `unknown key "service[0].prot"`},
		{"syntax", `ports { http = [1 }`, "config file x.hcl: not valid HCL"},
		{"type", `bootstrap_expect = "three"`, "bootstrap_expect"},
		{"duration", `retry_interval = "soon"`, `"soon" is not a duration`},
		{"address", `bind_addr = "here"`, `bind_addr "here" is not an IP address`},
		{"vip form", `group "g" { vip "10.0.0.1" {} }`, `group "g": vip "10.0.0.1" is not an address with a prefix length`},
		{"vip of the network", `group "g" { vip "10.0.0.0/24" {} }`, "is the address of its network"},
		{"no vip", `group "g" {}`, `group "g" has no vip`},
		{"one vip in two groups", `group "g" { vip "10.0.0.1/24" {} } group "h" { vip "10.0.0.1/24" {} }`, `groups "g" and "h" both have the vip 10.0.0.1`},
		{"one group twice", `group "g" { vip "10.0.0.1/24" {} } group "g" { vip "10.0.0.2/24" {} }`, `"g" is given twice`},
		{"expect without server", `bootstrap_expect = 3`, "bootstrap_expect is given but server is not"},
		{"script checks off", `service { name = "a" check { args = ["x"] interval = "1s" } }`, "set enable_local_script_checks"},
		{"short interval", `check { name = "c" tcp = "1.2.3.4:5" interval = "50ms" }`, "the shortest is 100ms"},
		{"two kinds", `check { name = "c" tcp = "a:1" http = "http://a" interval = "1s" }`, "of more than one kind"},
		{"lease ttl", `failover { lease_ttl = "1ms" }`, "failover.lease_ttl 1ms is not usable"},
		{"log level", `log_level = "loud"`, `log_level "loud" is not known`},
		{"gossip key", `encrypt = "abc"`, "encrypt is not a gossip key"},
		{"port", `ports { http = 70000 }`, "ports.http is 70000"},
		{"bare number for a duration", `retry_interval = 10`, `"10" is not a duration`},
		{"bootstrap and expect", `server = true bootstrap = true bootstrap_expect = 3`, "bootstrap asks for a cluster of one and bootstrap_expect for 3"},
		{"dns on a unix socket", `addresses { dns = "unix:///tmp/x" }`, "only HTTP listens on those"},
		{"http nowhere", `addresses { http = "localhost" }`, `addresses.http "localhost" is not an IP address`},
		{"template", `bind_addr = "{{ nonsense }}"`, "bind_addr \"{{ nonsense }}\" is not a usable template"},
		{"template that finds nothing", `bind_addr = "{{ GetInterfaceIP \"nosuch0\" }}"`, "finds no address on this machine"},
		{"several to bind", `bind_addr = "127.0.0.1 127.0.0.2"`, "gives 2 addresses: want one"},
		{"socket mode", `unix_sockets { mode = "rwx" }`, `unix_sockets.mode "rwx" is not usable`},
		{"socket user", `unix_sockets { user = "no such user" }`, `this machine has no user "no such user"`},
		{"service twice", `service { name = "a" } service { name = "a" }`, `service ID "a" is given twice`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := buildText(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want a sentence with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func buildText(text string) error {
	f, _, err := Parse("x.hcl", []byte(text), "")
	if err != nil {
		return err
	}
	loopback := "127.0.0.1"
	if f.BindAddr == nil {
		f.BindAddr = &loopback
	}
	_, err = Build(f)
	return err
}

const gateway = `
group "gateway" {
  vip "10.77.0.1/24" {}
  vip "192.0.2.1/24" { interface = "eth1"  source = true }
  preempt        = true
  preempt_delay  = "30s"
  apart_from     = ["db"]
  together_with  = ["dns"]
  weight         = 3
  on_quorum_loss = "hold"
  on_conflict    = "yield"
  sysctl { "net.ipv4.ip_forward" = "1" }
  run { unit = "dnsmasq.service"  timeout = "5s" }
  run { start = ["/sbin/up", "x"]  stop = ["/sbin/down"] }
  route "default" { via = "192.0.2.254"  dev = "eth1"  metric = 10 }
  route "policy"  { to = "default"  via = "fd00::1"  table = 100  src = "fd00::5" }
  masquerade "10.77.0.0/24" { dev = "eth1"  to = "192.0.2.1" }
  verify { http = "http://192.0.2.254/"  within = "3s" }
  conntrack = "sync"
}`

func TestBuildEffects(t *testing.T) {
	gs, err := ParseGroups("g.hcl", []byte(gateway), "")
	if err != nil {
		t.Fatal(err)
	}
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	want := cluster.Group{
		Name: "gateway", VIPs: []cluster.VIP{{Prefix: prefix("10.77.0.1/24")}, {Prefix: prefix("192.0.2.1/24"), Interface: "eth1", Source: true}},
		Preempt: true, PreemptDelay: 30 * time.Second, ApartFrom: []string{"db"}, TogetherWith: []string{"dns"}, Weight: 3, OnQuorumLoss: "hold", OnConflict: "yield",
		Effects: cluster.Effects{
			Sysctls: map[string]string{"net.ipv4.ip_forward": "1"},
			Runs:    []cluster.Run{{Unit: "dnsmasq.service", Timeout: 5 * time.Second}, {Start: []string{"/sbin/up", "x"}, Stop: []string{"/sbin/down"}}},
			Routes: []cluster.Route{
				{Destination: prefix("0.0.0.0/0"), Via: addr("192.0.2.254"), Interface: "eth1", Metric: 10},
				{Destination: prefix("::/0"), Via: addr("fd00::1"), Table: 100, Source: addr("fd00::5")},
			},
			NATs:      []cluster.NAT{{Source: prefix("10.77.0.0/24"), Interface: "eth1", To: addr("192.0.2.1")}},
			Verify:    []cluster.Verify{{HTTP: "http://192.0.2.254/", Within: 3 * time.Second}},
			Conntrack: "sync",
		},
	}
	if len(gs) != 1 || !gs[0].Equal(&want) {
		t.Errorf("got  %+v\nwant %+v", gs, want)
	}
	for _, c := range []struct{ name, body, err string }{
		{"sysctl", `sysctl { "ip_forward" = "1" }`, `write it as "net.ipv4.ip_forward" = "1"`},
		{"sysctl outside", `sysctl { "net/../../x" = "1" }`, "is not usable"},
		{"run with nothing", `run { timeout = "1s" }`, "run needs a unit, or start with a program"},
		{"run with both", `run { unit = "a.service" start = ["x"] }`, "give one of them"},
		{"no unit", `run { unit = "nginx" }`, `"nginx" is not the name of a systemd unit`},
		{"route nowhere", `route "default" {}`, "needs via (a next hop), dev (an interface), or both"},
		{"route of both", `route "10.0.0.0/8" { via = "fd00::1" }`, "IPv6 next hop"},
		{"route with bits", `route "10.0.0.1/8" { dev = "eth0" }`, "write 10.0.0.0/8"},
		{"no destination", `route "everywhere" { dev = "eth0" }`, `"everywhere" is no destination`},
		{"bad next hop", `route "default" { via = "gw" }`, `via = "gw" is not an address`},
		{"one route twice", `route "default" { dev = "eth0" } route "again" { to = "0.0.0.0/0" dev = "eth1" }`, "has two routes to 0.0.0.0/0"},
		{"masquerade of one", `masquerade "10.0.0.1" {}`, `"10.0.0.1" is not a network`},
		{"masquerade of both", `masquerade "10.0.0.0/8" { to = "fd00::1" }`, "mixes IPv4 and IPv6"},
		{"verify nothing", `verify {}`, "exactly one of args, tcp and http"},
		{"verify no url", `verify { http = "10.0.0.1" }`, "is not a URL"},
		{"apart and together", `apart_from = ["a"] together_with = ["a"]`, "choose one"},
		{"apart from itself", `apart_from = ["g"]`, "names itself"},
		{"delay alone", `preempt_delay = "1s"`, "does not preempt"},
		{"weight", `weight = -1`, "weight -1 is out of range"},
		{"quorum loss", `on_quorum_loss = "keep"`, `want "release" or "hold"`},
		{"conflict", `on_conflict = "fight"`, `want "report", "yield" or "defend"`},
		{"connections", `conntrack = "keep"`, `conntrack = "keep" is not known: want "sync"`},
		{"unknown key", `route "default" { gateway = "10.0.0.1" }`, "gateway"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseGroups("g.hcl", []byte(`group "g" { vip "10.0.0.9/24" {} `+c.body+` }`), "")
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want %q in it", err, c.err)
			}
		})
	}
}

func TestParseGroupsWantsOne(t *testing.T) {
	if _, err := ParseGroups("g.hcl", []byte(`server = true`), ""); err == nil || !strings.Contains(err.Error(), "has no group block") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example), "hcl")
	f.Add([]byte(gateway), "hcl")
	f.Add([]byte(`{"server": true, "group": {"g": {"vip": {"10.0.0.9/24": {}}}}}`), "json")
	f.Add([]byte(`service { check { header { a = ["b"] } } }`), "hcl")
	f.Fuzz(func(t *testing.T, b []byte, format string) {
		file, _, err := Parse("x", b, format)
		if err != nil {
			return
		}
		Merge(&File{}, file)
		_, _ = Build(file)
	})
}

// TestEmptyFiles: a file may be there before anything is in it. One of an unknown format is refused even so.
func TestEmptyFiles(t *testing.T) {
	for name, good := range map[string]bool{"a.json": true, "a.hcl": true, "a.txt": false} {
		if f, warnings, err := Parse(name, []byte(" \n"), ""); (err == nil) != good || len(warnings) > 0 || good && f == nil {
			t.Errorf("%s: %+v, %v, %v", name, f, warnings, err)
		}
	}
}

// TestCheckKinds holds how each kind of check is written in a file.
func TestCheckKinds(t *testing.T) {
	const second = time.Second
	for text, want := range map[string]cluster.CheckDefinition{
		`udp = "a:1" interval = "1s"`: {UDP: "a:1", Interval: second},
		`grpc = "a:1/s" grpc_use_tls = true tls_server_name = "n" interval = "1s"`: {GRPC: "a:1/s", GRPCUseTLS: true, TLSServerName: "n", Interval: second},
		`ping = "h" interval = "1s"`: {Ping: "h", Interval: second},
		`dns { server = "s" name = "n" type = "AAAA" expect = ["::1"] } interval = "1s"`:                                          {DNS: &cluster.DNSCheck{Server: "s", Name: "n", Type: "AAAA", Expect: []string{"::1"}}, Interval: second},
		`mysql { address = "a" user = "u" password_file = "/p" role = "replica" max_lag = "10s" use_tls = true } interval = "1s"`: {MySQL: &cluster.DatabaseCheck{Address: "a", User: "u", PasswordFile: "/p", Role: "replica", MaxLag: 10 * second, UseTLS: true}, Interval: second},
		`postgres { address = "a" password = "p" database = "d" role = "primary" } interval = "1s"`:                               {Postgres: &cluster.DatabaseCheck{Address: "a", Password: "p", Database: "d", Role: "primary"}, Interval: second},
		`os_service = "nginx" interval = "1s"`:                                                         {OSService: "nginx", Interval: second},
		`h2ping = "a:1" interval = "1s"`:                                                               {H2Ping: "a:1", H2PingUseTLS: true, Interval: second},
		`h2ping = "a:1" h2ping_use_tls = false interval = "1s"`:                                        {H2Ping: "a:1", Interval: second},
		`tcp = "a:1" tcp_use_tls = true tls_skip_verify = true interval = "1s"`:                        {TCP: "a:1", TCPUseTLS: true, TLSSkipVerify: true, Interval: second},
		`alias_service = "db"`:                                                                         {Alias: &cluster.AliasCheck{Service: "db"}},
		`alias_node = "n2"`:                                                                            {Alias: &cluster.AliasCheck{Node: "n2"}},
		`docker_container_id = "web" shell = "/bin/sh" args = ["true"] interval = "1s"`:                {DockerContainerID: "web", Shell: "/bin/sh", Args: []string{"true"}, Interval: second},
		`ttl = "1m" success_before_passing = 2 failures_before_critical = 3 output_max_size = 7`:       {TTL: time.Minute, SuccessBeforePassing: 2, FailuresBeforeCritical: 3, OutputMaxSize: 7},
		`process { unit = "nginx.service" } status = "passing" deregister_critical_service_after="2m"`: {Process: &cluster.ProcessCheck{Unit: "nginx.service"}, InitialStatus: cluster.Passing, DeregisterCriticalServiceAfter: 2 * time.Minute},
	} {
		c, err := Build(parse(t, "x.hcl", `bind_addr = "127.0.0.1" enable_local_script_checks = true check { name = "c" `+text+` }`))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want.ID, want.Name = "c", "c"
		if d := cmp.Diff(want, c.Checks[0], cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}
