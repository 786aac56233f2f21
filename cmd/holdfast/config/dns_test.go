package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func built(t *testing.T, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.hcl")
	if err := os.WriteFile(path, []byte("bind_addr = \"127.0.0.1\"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, warnings, err := Load([]string{path}, "")
	if err != nil {
		return nil, err
	}
	if len(warnings) > 0 {
		t.Errorf("%s: warned of %q", text, warnings)
	}
	return Build(f)
}

func TestDNSSettings(t *testing.T) {
	c, err := built(t, `
		recursors = ["192.0.2.1", "192.0.2.2:5353", "2001:db8::1", "[2001:db8::2]:53", "192.0.2.1"]
		recursor  = "192.0.2.3"
		dns_config { recursor_timeout = "500ms" recursor_strategy = "random" max_stale = "5s" disable_compression = true enable_additional_node_meta_txt = false }`)
	if err != nil {
		t.Fatal(err)
	}
	d := c.DNS
	want := []string{"192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:53", "[2001:db8::2]:53", "192.0.2.3:53"}
	if !slices.Equal(d.Recursors, want) || d.RecursorTimeout != 500*time.Millisecond || !d.RecursorRandom || d.MaxStale != 5*time.Second || !d.Uncompressed || d.NodeMetaTXT {
		t.Errorf("%+v, want the recursors %q", d, want)
	}
	c, err = built(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if d := c.DNS; len(d.Recursors) != 0 || d.RecursorTimeout != 2*time.Second || d.RecursorRandom || d.MaxStale != 87600*time.Hour || d.Uncompressed || d.UDPAnswerLimit != 3 || !d.AllowStale || !d.NodeMetaTXT {
		t.Errorf("the defaults are %+v", d)
	}
}

func TestDNSSettingsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`recursors = ["example.com"]`:                  `recursors: "example.com" is not the address`,
		`recursors = ["192.0.2.1:0"]`:                  `recursors: "192.0.2.1:0" is not`,
		`zone "exa mple" {}`:                           `zone "exa mple" is not the name`,
		`zone "sub.consul" {}`:                         `zone "sub.consul" lies in the domain`,
		"zone \"a.org\" {}\nzone \"A.org.\" {}":        `is given twice`,
		`zone "a.org" { ttl = "-1s" }`:                 `zone "a.org" has a negative ttl`,
		`zone "a.org" { secondaries = ["ns2"] }`:       `zone "a.org": secondaries: "ns2" is not the address`,
		`recursors = ["0.0.0.0"]`:                      `recursors: "0.0.0.0" is not`,
		`recursors = ["{{ nonsense }}"]`:               "recursors",
		`dns_config { recursor_strategy = "fastest" }`: `dns_config.recursor_strategy "fastest" is not known`,
		`dns_config { recursor_timeout = "0s" }`:       "dns_config: ",
		`dns_config { max_stale = "-1s" }`:             "dns_config: ",
	} {
		if _, err := built(t, text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one sentence with %q", text, err, want)
		}
	}
}

func TestZones(t *testing.T) {
	c, err := built(t, `
		zone "Example.org." {}
		zone "77.10.in-addr.arpa" { prefix = "rev" ttl = "1h" secondaries = ["192.0.2.2", "192.0.2.3:5353"] }`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Zone{
		{Name: "77.10.in-addr.arpa.", Prefix: "rev/", TTL: time.Hour, Secondaries: []string{"192.0.2.2:53", "192.0.2.3:5353"}},
		{Name: "example.org.", Prefix: "dns/example.org/", TTL: 5 * time.Minute},
	}
	if d := cmp.Diff(want, c.DNS.Zones); d != "" {
		t.Error(d)
	}
}
