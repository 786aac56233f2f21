package config

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cmd/holdfast/config/leftout"
)

// load parses a command line of the agent and loads what it says.
func load(t *testing.T, args ...string) (*Config, []string, error) {
	t.Helper()
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var f Flags
	f.Register(fs)
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	return f.Load()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsOverFiles(t *testing.T) {
	file := write(t, "a.hcl", `node_name = "file" log_level = "warn" ports { http = 1 dns = 2 } retry_join = ["x"] bind_addr = "10.0.0.1" data_dir = "/file"`)
	c, _, err := load(
		t, "-config-file", file, "-config-file=", "-node", "flag", "-http-port=3", "-retry-join", "y", "-bind=127.0.0.1", "-hcl", `log_level = "debug" ports { dns = 4 }`,
		"-server", "-bootstrap-expect=3", "-node-meta", "a:b:c", "-retry-interval", "2s", "-client", "127.0.0.1 127.0.0.2", "-data-dir", "/flag", "-domain", "Example.",
	)
	if err != nil {
		t.Fatal(err)
	}
	if c.NodeName != "flag" || c.LogLevel != "debug" || !slices.Equal(c.HTTPAddrs, []string{"127.0.0.1:3", "127.0.0.2:3"}) || c.DNSAddrs[0] != "127.0.0.1:4" {
		t.Errorf("config = %+v", c)
	}
	if !slices.Equal(c.RetryJoin, []string{"x", "y"}) || !c.Server || c.BootstrapExpect != 3 || c.NodeMeta["a"] != "b:c" || c.RetryInterval != 2*time.Second {
		t.Errorf("config = %+v", c)
	}
	if c.BindAddr.String() != "127.0.0.1" || c.DataDir != "/flag" || c.Domain != "example." {
		t.Errorf("config = %+v", c)
	}
}

// TestLoadTwice holds that a reload starts from the files, not from what an earlier load has merged.
func TestLoadTwice(t *testing.T) {
	file := write(t, "a.hcl", `bind_addr = "127.0.0.1" retry_join = ["x"] service { name = "a" }`)
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	var f Flags
	f.Register(fs)
	if err := fs.Parse([]string{"-dev", "-config-file", file, "-retry-join", "y", "-http-port", "1"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, _, err := f.Load()
		if err != nil || len(c.Services) != 1 || !slices.Equal(c.RetryJoin, []string{"x", "y"}) {
			t.Fatalf("config = %+v, error %v", c, err)
		}
	}
}

func TestConfigFormat(t *testing.T) {
	file := write(t, "config", `{"node_name": "json", "bind_addr": "127.0.0.1"}`)
	if _, _, err := load(t, "-config-file", file); err == nil || !strings.Contains(err.Error(), "-config-format") {
		t.Errorf("a file without an ending: got %v", err)
	}
	for _, path := range []string{file, filepath.Dir(file)} {
		c, _, err := load(t, "-config-format=json", "-config-dir", path)
		if err != nil || c.NodeName != "json" {
			t.Errorf("%s: got %+v, %v", path, c, err)
		}
	}
}

func TestDev(t *testing.T) {
	c, warnings, err := load(t, "-dev", "-hcl", `data_dir = "/data" bootstrap_expect = 3 bootstrap = true server = false`)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Dev || !c.Server || c.BootstrapExpect != 1 || c.DataDir != "" || c.BindAddr.String() != "127.0.0.1" {
		t.Errorf("config = %+v", c)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "data_dir has no effect with -dev") {
		t.Errorf("warnings = %q", warnings)
	}
}

// TestOtherFlags holds that a command line of Consul's is taken, and that its user learns what does not happen.
func TestOtherFlags(t *testing.T) {
	_, warnings, err := load(
		t, "-dev", "-ui", "-rejoin", "-disable-host-node-id", "-raft-protocol", "3", "-grpc-port=-1", "-serf-wan-port", "-1", "-https-port=8501", "-recursor=8.8.8.8",
		"-syslog=false", "-protocol", "2",
	)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		name, _, _ := strings.Cut(strings.TrimPrefix(w, "the flag -"), " ")
		got = append(got, name)
	}
	slices.Sort(got)
	if want := []string{"ports.https", "ui"}; !slices.Equal(got, want) {
		t.Errorf("warned of %q, want %q", warnings, want)
	}
	for name, key := range otherFlags {
		if _, ok := leftout.Keys[key]; !ok {
			t.Errorf("-%s stands for the key %s, which nobody tolerates", name, key)
		}
	}
}

// TestEveryFlag holds that each of Consul's flags that people use is taken, in both of its forms; a boolean may stand bare.
func TestEveryFlag(t *testing.T) {
	values := map[string]string{
		"config-file": "", "config-format": "hcl", "data-dir": "/d", "bind": "127.0.0.1", "advertise": "127.0.0.1", "client": "127.0.0.1", "node": "n",
		"node-id": "11111111-2222-3333-4444-555555555555", "node-meta": "a:b", "datacenter": "dc1", "domain": "consul", "alt-domain": "x", "bootstrap-expect": "1", "join": "h", "retry-join": "h",
		"retry-interval": "10s", "retry-max": "3", "http-port": "8500", "https-port": "-1", "dns-port": "8600", "serf-lan-port": "8301", "serf-wan-port": "8302", "server-port": "8300",
		"grpc-port": "-1", "grpc-tls-port": "-1", "pid-file": "/p", "log-level": "warn", "log-file": "/l", "hcl": "log_json = true", "encrypt": "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=",
		"recursor": "8.8.8.8", "raft-protocol": "3", "advertise-wan": "127.0.0.1", "join-wan": "h", "retry-join-wan": "h", "serf-lan-bind": "127.0.0.1", "serf-wan-bind": "127.0.0.1",
		"ui-content-path": "/ui/", "ui-dir": "/x", "log-rotate-bytes": "1", "log-rotate-duration": "1h", "log-rotate-max-files": "1", "check_output_max_size": "100", "protocol": "3",
		"default-query-time": "1m", "max-query-time": "1m", "primary-gateway": "x", "allow-write-http-from": "127.0.0.0/8", "segment": "", "serf-allowed-cidrs-lan": "127.0.0.0/8", "serf-allowed-cidrs-wan": "127.0.0.0/8",
		"retry-interval-wan": "10s", "retry-max-wan": "3",
	}
	for name, value := range values {
		for _, args := range [][]string{{"-" + name, value}, {"-" + name + "=" + value}, {"--" + name + "=" + value}} {
			if _, _, err := load(t, append(args, "-dev")...); err != nil {
				t.Errorf("%q: %v", args, err)
			}
		}
	}
	for _, name := range []string{
		"server", "bootstrap", "dev", "rejoin", "log-json", "ui", "enable-script-checks", "enable-local-script-checks", "disable-host-node-id", "auto-reload-config", "syslog", "disable-keyring-file",
	} {
		for _, arg := range []string{"-" + name, "-" + name + "=true", "-" + name + "=false"} {
			if _, _, err := load(t, arg, "-server", "-bind=127.0.0.1"); err != nil {
				t.Errorf("%s: %v", arg, err)
			}
		}
	}
}

func TestFlagSentences(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-http-port", "x"}, "want a number"},
		{[]string{"-retry-max=x"}, "want a number"},
		{[]string{"-server=perhaps"}, "want true or false"},
		{[]string{"-retry-interval", "10"}, "want a duration, as 10s"},
		{[]string{"-node-meta", "a"}, "want key:value"},
		{[]string{"-read-replica"}, "every server votes"},
		{[]string{"-non-voting-server=true"}, "every server votes"},
		{[]string{"-hcl", "nope = 1"}, `the piece given with -hcl: unknown key "nope"`},
		{[]string{"-config-file", "/no/such/file.hcl"}, "cannot read config /no/such/file.hcl: no such file or directory"},
	} {
		if _, _, err := load(t, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want a sentence with %q", tt.args, err, tt.want)
		}
	}
}
