package dnsapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/dnsapi/socket"
)

// program runs a real program until the test ends. The test is skipped where it is missing.
func program(t *testing.T, debian, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Skipf("%s is missing: install %s", name, debian)
		}
	}
	var out syncWriter
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it is only here for the test
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says:\n%s", name, out.String())
		}
	})
}

// syncWriter is a buffer that a program writes to while the test reads it.
type syncWriter struct {
	mu sync.Mutex // guards following
	b  strings.Builder
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *syncWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// freePort is a port of loopback that nobody has, for a program that wants to be told one.
func freePort(t *testing.T) string {
	t.Helper()
	ps, l, err := socket.Bind("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	for _, p := range ps {
		_ = p.Close()
	}
	return port
}

// config writes a configuration file.
func config(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// soon waits until something is so.
func soon(t *testing.T, what string, is func() (bool, string)) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		ok, seen := is()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s; last seen: %s", what, seen)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

// TestResolvers puts dnsmasq and unbound before us, as they are put before Consul, and asks them.
func TestResolvers(t *testing.T) {
	for _, tt := range []struct {
		name, debian string
		run          func(t *testing.T, port, upstream string)
	}{
		{"dnsmasq", "dnsmasq-base", func(t *testing.T, port, upstream string) {
			t.Helper()
			program(t, "dnsmasq-base", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=", "--group=",
				"--listen-address=127.0.0.1", "--bind-interfaces", "--port="+port, "--server=/consul/127.0.0.1#"+upstream, "--rev-server=10.0.0.0/8,127.0.0.1#"+upstream)
		}},
		{"unbound", "unbound", func(t *testing.T, port, upstream string) {
			t.Helper()
			program(t, "unbound", "unbound", "-d", "-p", "-c", config(t, fmt.Sprintf(`
server:
  interface: 127.0.0.1@%s
  username: ""
  chroot: ""
  directory: "%s"
  use-syslog: no
  do-not-query-localhost: no
  use-caps-for-id: yes
  qname-minimisation: yes
  module-config: "iterator"
  domain-insecure: "consul."
  local-zone: "10.in-addr.arpa." nodefault
stub-zone:
  name: "consul."
  stub-addr: 127.0.0.1@%s
stub-zone:
  name: "10.in-addr.arpa."
  stub-addr: 127.0.0.1@%s
remote-control:
  control-enable: no
`, port, t.TempDir(), upstream, upstream)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, append(many(200), runs(at("n1", "10.1.0.1"), "db", 5432, "primary"), on(runs(at("n1", "10.1.0.1"), "six", 443), "fd00::1"),
				runs(at("n1", "10.1.0.1"), "consul", 8300))...)
			w.Truncate = true
			s := serve(t, w, "127.0.0.1:0")
			_, upstream, _ := net.SplitHostPort(s.Addrs()[0])
			port := freePort(t)
			tt.run(t, port, upstream)
			askThrough(t, w, "127.0.0.1:"+port)
		})
	}
}

// askThrough asks a resolver whatever its users ask.
func askThrough(t *testing.T, w *world, resolver string) {
	t.Helper()
	ask := func(name string, qtype uint16, network string) (*dns.Msg, error) {
		req := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(4096, false)
		m, _, err := (&dns.Client{Net: network, Timeout: 2 * time.Second}).Exchange(req, resolver)
		return m, err
	}
	for _, tt := range []struct {
		name, network string
		qtype         uint16
		want          func(m *dns.Msg) bool
	}{
		{"db.service.consul.", "udp", dns.TypeA, has("db.service.consul. 0 A 10.1.0.1")},
		{"primary.db.service.dc1.consul.", "udp", dns.TypeA, has("primary.db.service.dc1.consul. 0 A 10.1.0.1")},
		{"_db._tcp.service.consul.", "udp", dns.TypeSRV, has("_db._tcp.service.consul. 0 SRV 1 1 5432 n1.node.dc1.consul.")},
		{"six.service.consul.", "udp", dns.TypeAAAA, has("six.service.consul. 0 AAAA fd00::1")},
		{"six.service.consul.", "udp", dns.TypeA, is(dns.RcodeSuccess, 0)},
		{"nothing.service.consul.", "udp", dns.TypeA, is(dns.RcodeNameError, 0)},
		{"n1.node.dc1.consul.", "udp", dns.TypeA, has("n1.node.dc1.consul. 0 A 10.1.0.1")},
		{"1.0.1.10.in-addr.arpa.", "udp", dns.TypePTR, has("1.0.1.10.in-addr.arpa. 0 PTR n1.node.dc1.consul.")},
		{"web.service.consul.", "tcp", dns.TypeSRV, is(dns.RcodeSuccess, 200)},
	} {
		what := fmt.Sprintf("%s %s over %s is answered", tt.name, dns.TypeToString[tt.qtype], tt.network)
		soon(t, what, func() (bool, string) {
			m, err := ask(tt.name, tt.qtype, tt.network)
			if err != nil {
				return false, err.Error()
			}
			return tt.want(m), m.String()
		})
	}
	w.register(t, in(runs(at("n1", "10.1.0.1"), "db", 5432, "primary"), cluster.Critical))
	soon(t, "the critical instance is given out no more", func() (bool, string) {
		m, err := ask("db.service.consul.", dns.TypeA, "udp")
		return err == nil && m.Rcode == dns.RcodeNameError, fmt.Sprint(m, err)
	})
}

// has wants an answer with a record, whatever its TTL.
func has(record string) func(*dns.Msg) bool {
	return func(m *dns.Msg) bool {
		for _, rr := range m.Answer {
			rr.Header().Ttl = 0
		}
		return slices.Contains(written(m.Answer), record)
	}
}

// is wants an answer with a code and a number of records.
func is(code, records int) func(*dns.Msg) bool {
	return func(m *dns.Msg) bool { return m.Rcode == code && len(m.Answer) == records }
}

// backends are two web servers on one port, each of which says its own address.
func backends(t *testing.T) (port int) {
	t.Helper()
	var listeners []net.Listener
	for range 20 {
		first, err := net.Listen("tcp", "127.0.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		port = first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", fmt.Sprintf("127.0.0.3:%d", port))
		if err == nil {
			listeners = []net.Listener{first, second}
			break
		}
		_ = first.Close()
	}
	if listeners == nil {
		t.Fatal("no port is free on both addresses")
	}
	for _, l := range listeners {
		host, _, _ := net.SplitHostPort(l.Addr().String())
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, host) }), ReadHeaderTimeout: patience}
		go func() { _ = s.Serve(l) }()
		t.Cleanup(func() { _ = s.Close() })
	}
	return port
}

// TestBalancers puts HAProxy and nginx before a service, which they find by asking us, and fails a check.
func TestBalancers(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, front, resolver string, port int)
	}{
		{"haproxy", func(t *testing.T, front, resolver string, _ int) {
			t.Helper()
			program(t, "haproxy", "haproxy", "-db", "-f", config(t, fmt.Sprintf(`
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
resolvers holdfast
  nameserver local 127.0.0.1:%s
  accepted_payload_size 8192
  timeout resolve 100ms
  timeout retry 100ms
  hold valid 100ms
  hold obsolete 100ms
frontend in
  bind 127.0.0.1:%s
  default_backend web
backend web
  balance roundrobin
  server-template web 4 _pages._tcp.service.consul resolvers holdfast resolve-prefer ipv4 init-addr none
`, resolver, front)))
		}},
		{"nginx", func(t *testing.T, front, resolver string, port int) {
			t.Helper()
			dir := t.TempDir()
			program(t, "nginx-light", "nginx", "-p", dir, "-e", "stderr", "-g", "daemon off; master_process off;", "-c", config(t, fmt.Sprintf(`
pid %s/pid;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  resolver 127.0.0.1:%[2]s valid=1s ipv6=off;
  server {
    listen 127.0.0.1:%[3]s;
    location / { set $name pages.service.consul; proxy_pass http://$name:%[4]d; }
  }
}
`, dir, resolver, front, port)))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			port := backends(t)
			w := newWorld(t, runs(at("n2", "127.0.0.2"), "pages", port), runs(at("n3", "127.0.0.3"), "pages", port))
			s := serve(t, w, "127.0.0.1:0")
			_, resolver, _ := net.SplitHostPort(s.Addrs()[0])
			front := freePort(t)
			tt.run(t, front, resolver, port)
			soon(t, "both instances are used", func() (bool, string) { return balanced(t, front, 2) })
			w.register(t, in(runs(at("n2", "127.0.0.2"), "pages", port), cluster.Critical))
			soon(t, "only the healthy one is used", func() (bool, string) { return balanced(t, front, 1) })
			w.register(t, in(runs(at("n2", "127.0.0.2"), "pages", port), cluster.Passing))
			soon(t, "both are used again", func() (bool, string) { return balanced(t, front, 2) })
		})
	}
}

// balanced reports whether so many backends answer for the front, and no request fails.
func balanced(t *testing.T, front string, backends int) (bool, string) {
	t.Helper()
	seen := map[string]int{}
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 12 {
		seen[fetch(t.Context(), client, "http://127.0.0.1:"+front)]++
	}
	return len(seen) == backends && seen["127.0.0.3"] > 0, fmt.Sprint(seen)
}

func fetch(ctx context.Context, c *http.Client, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := c.Do(req)
	if err != nil {
		return "no answer"
	}
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil && err != io.EOF { //nolint:errorlint // ReadString gives it as it is
		return err.Error()
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	return line
}
