package cluster

import (
	"strings"
	"testing"
	"time"
)

func TestCheckDefinition(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		d    CheckDefinition
		kind string
		want string // what the sentence holds; "" for a valid definition
	}{
		{CheckDefinition{ID: "x", Args: []string{"true"}, Interval: second}, "script", ""},
		{CheckDefinition{ID: "x", Args: []string{"true"}, DockerContainerID: "c", Shell: "/bin/sh", Interval: second}, "docker", ""},
		{CheckDefinition{ID: "x", HTTP: "http://a", Interval: second}, "http", ""},
		{CheckDefinition{ID: "x", TCP: "a:1", Interval: second}, "tcp", ""},
		{CheckDefinition{ID: "x", UDP: "a:1", Interval: second}, "udp", ""},
		{CheckDefinition{ID: "x", GRPC: "a:1/s", Interval: second}, "grpc", ""},
		{CheckDefinition{ID: "x", H2Ping: "a:1", Interval: second}, "h2ping", ""},
		{CheckDefinition{ID: "x", TTL: second}, "ttl", ""},
		{CheckDefinition{ID: "x", Process: &ProcessCheck{Unit: "u"}}, "process", ""},
		{CheckDefinition{ID: "x", Alias: &AliasCheck{Service: "s"}}, "alias", ""},
		{CheckDefinition{ID: "x", Maintenance: true}, "maintenance", ""},
		{CheckDefinition{ID: "x", Ping: "h", Interval: second}, "ping", ""},
		{CheckDefinition{ID: "x", DNS: &DNSCheck{Server: "s", Name: "n"}, Interval: second}, "dns", ""},
		{CheckDefinition{ID: "x", MySQL: &DatabaseCheck{Address: "h", Role: "replica", MaxLag: 1}, Interval: second}, "mysql", ""},
		{CheckDefinition{ID: "x", Postgres: &DatabaseCheck{Address: "/run", Role: "primary"}, Interval: second}, "postgres", ""},
		{CheckDefinition{ID: "x", OSService: "nginx", Interval: second}, "os_service", ""},

		{CheckDefinition{ID: "x", Ping: "h"}, "ping", "has no interval"},
		{CheckDefinition{ID: "x", DNS: &DNSCheck{Name: "n"}, Interval: second}, "dns", `check "x": dns has no server`},
		{CheckDefinition{ID: "x", DNS: &DNSCheck{Server: "s"}, Interval: second}, "dns", "dns has no name"},
		{CheckDefinition{ID: "x", MySQL: &DatabaseCheck{}, Interval: second}, "mysql", "mysql has no address"},
		{CheckDefinition{ID: "x", MySQL: &DatabaseCheck{Address: "h", Role: "writer"}, Interval: second}, "mysql", `mysql has the role "writer": want primary or replica`},
		{CheckDefinition{ID: "x", Postgres: &DatabaseCheck{Address: "h", Password: "a", PasswordFile: "b"}, Interval: second}, "postgres", "both password and password_file"},
		{CheckDefinition{ID: "x", Postgres: &DatabaseCheck{Address: "h", MaxLag: -1}, Interval: second}, "postgres", "negative max_lag"},

		{CheckDefinition{TTL: second}, "ttl", "neither an ID nor a name"},
		{CheckDefinition{Name: "x"}, "", `check "x" does not say what to check`},
		{CheckDefinition{ID: "x", Name: "y", TTL: second, HTTP: "http://a"}, "http", `check "x" is of more than one kind (http and ttl)`},
		{CheckDefinition{ID: "x", DockerContainerID: "c", Interval: second}, "docker", "names a container and not what to run in it"},
		{CheckDefinition{ID: "x", Process: &ProcessCheck{}}, "process", "exactly one of pid_file, command and unit"},
		{CheckDefinition{ID: "x", GRPC: "a:1"}, "grpc", "has no interval"},
		{CheckDefinition{ID: "x", UDP: "a:1", Interval: time.Millisecond}, "udp", "the shortest is 100ms"},
		{CheckDefinition{ID: "x", TTL: second, Timeout: -1}, "ttl", "negative duration"},
		{CheckDefinition{ID: "x", TTL: second, InitialStatus: "fine"}, "ttl", `initial status "fine"`},
		{CheckDefinition{ID: "x", TTL: second, FailuresBeforeWarning: 3, FailuresBeforeCritical: 2}, "ttl", "failures_before_warning above"},
		{CheckDefinition{ID: "x", TTL: second, OutputMaxSize: -1}, "ttl", "negative output_max_size"},
	} {
		err := c.d.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || CodeOf(err) != Invalid) {
			t.Errorf("%+v: %v, want %q", c.d, err, c.want)
		}
		if got := c.d.Kind(); got != c.kind {
			t.Errorf("%+v is of kind %q, want %q", c.d, got, c.kind)
		}
	}
}

func TestHostPort(t *testing.T) {
	for in, want := range map[string]string{"h": "h:53", "h:54": "h:54", "10.0.0.1": "10.0.0.1:53", "::1": "[::1]:53", "[::1]": "[::1]:53", "[::1]:54": "[::1]:54", "/run/x": "/run/x"} {
		if got := HostPort(in, "53"); got != want {
			t.Errorf("HostPort(%q) is %q, want %q", in, got, want)
		}
	}
}
