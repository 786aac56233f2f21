package config

import (
	"crypto/tls"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/failover/proxy"
	"holdfast/failover/proxy/route"
	"holdfast/failover/upstream"
)

func TestProxies(t *testing.T) {
	const text = `
bind_addr = "127.0.0.1"
proxy "db" {
  listen = "10.77.0.100:3306"
  service = "mysql"
  group = "db"
  writer = "primary"
  hold = "20s"
  idle_timeout = "1h"
  drain_timeout = 0
  send_proxy = 2
  accept_proxy_from = ["10.0.0.0/8", "192.0.2.1"]
}
proxy "read" {
  listen = ["127.0.0.1:3307", "[::1]:3307"]
  service = "mysql"
  tags = ["replica"]
  balance = "source"
  max_connections = 100
}
proxy "web" {
  listen = ":443"
  mode = "https+tcp+sni"
  match = "glob"
  auth = { team = "/etc/holdfast/team" }
  upstream_ca_file = "/etc/holdfast/ca.pem"
  tls {
    certificates = ["/etc/holdfast/certificates", "/etc/letsencrypt/live/*"]
    min_version = "1.3"
    strict_names = true
  }
}
proxy "ports" {
  listen = "10.77.0.100:0"
  mode = "tcp-dynamic"
}`
	c, err := Build(parse(t, "a.hcl", text))
	if err != nil {
		t.Fatal(err)
	}
	db := proxy.DefaultOptions("10.77.0.100:3306")
	db.Hold, db.Idle, db.Drain, db.SendProxy = 20*time.Second, time.Hour, 0, 2
	db.AcceptProxy = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
	read := proxy.DefaultOptions("127.0.0.1:3307", "[::1]:3307")
	read.Balance, read.MaxConnections = proxy.Source, 100
	web := proxy.DefaultOptions(":443")
	web.Mode = proxy.HTTPSNI
	ports := proxy.DefaultOptions("10.77.0.100:0")
	ports.Mode = proxy.Dynamic
	want := []upstream.Spec{
		{Name: "db", Service: "mysql", Group: "db", Writer: "primary", Options: db},
		{Name: "ports", Prefix: "urlprefix-", Options: ports},
		{Name: "read", Service: "mysql", Tags: []string{"replica"}, Options: read},
		{
			Name: "web", Prefix: "urlprefix-", Match: route.Glob, Users: map[string]string{"team": "/etc/holdfast/team"}, Authorities: "/etc/holdfast/ca.pem", Options: web,
			TLS: &upstream.TLS{Certificates: []string{"/etc/holdfast/certificates", "/etc/letsencrypt/live/*"}, Min: tls.VersionTLS13, Strict: true},
		},
	}
	if d := cmp.Diff(want, c.Proxies, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
		t.Error(d)
	}
}

func TestProxiesRefused(t *testing.T) {
	for text, want := range map[string]string{
		`service = "x"`:               `proxy "p": listen is missing`,
		`listen = ":1"`:               `proxy "p" has no service`,
		`listen = "1"  service = "x"`: `proxy "p": listen "1" is not an address with a port`,
		`listen = ":1"  service = "x"  balance = "best"`:                                    `proxy "p": balance "best" is not known`,
		`listen = ":1"  service = "x"  mode = "udp"`:                                        `proxy "p": mode "udp" is not known`,
		`listen = ":1"  service = "x"  send_proxy = 9`:                                      `proxy "p": send_proxy 9 is not known`,
		`listen = ":1"  service = "x"  hold = "-1s"`:                                        `proxy "p": hold, connect_timeout`,
		`listen = ":1"  service = "x"  accept_proxy_from = ["lan"]`:                         `proxy "p": accept_proxy_from names "lan", which is neither`,
		"listen = \":1\"  service = \"x\" } proxy \"q\" { listen = \":1\"  service = \"x\"": `proxies "p" and "q" both listen on :1`,
		`listen = ":1"  mode = "http"  match = "best"`:                                      `proxy "p": match "best" is not known`,
		`listen = ":1"  mode = "http"  tls { }`:                                             `proxy "p": tls has no certificates`,
		`listen = ":1"  mode = "http"  tls { min_version = "1.0" }`:                         `proxy "p": tls: min_version "1.0" is not known`,
		`listen = ":1"  mode = "sni"  tls { certificates = "/c" }`:                          `proxy "p": tls does not go with mode "sni"`,
		`listen = ":1"  mode = "https+tcp+sni"`:                                             `proxy "p": mode "https+tcp+sni" ends TLS where`,
		`listen = ":1"  mode = "tcp-dynamic"`:                                               `proxy "p": listen ":1" names a port, which in mode tcp-dynamic`,
		`listen = ":1"  mode = "http"  service = "x"`:                                       `proxy "p": mode "http" has no service`,
	} {
		_, err := Build(parse(t, "a.hcl", `bind_addr = "127.0.0.1" proxy "p" { `+text+` }`))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestExampleWeb holds that examples/web is a configuration.
func TestExampleWeb(t *testing.T) {
	b, err := os.ReadFile("../../../examples/web/holdfast.hcl")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Build(parse(t, "a.hcl", "bind_addr = \"127.0.0.1\"\n"+string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Proxies) != 2 || c.Proxies[1].TLS == nil || c.Proxies[1].Users["team"] == "" {
		t.Errorf("%+v", c.Proxies)
	}
}
