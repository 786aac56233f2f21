package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster/secure/issue"
	"holdfast/cmd/holdfast/config/leftout"
)

// TestConsulFiles holds that files which were written for Consul are taken as they are, with exactly the warnings that a user should see.
func TestConsulFiles(t *testing.T) {
	for _, tt := range []struct {
		file string
		want []string // the keys that are warned of
	}{
		{"consul_go_client.json", []string{"connect", "peering", "ports.grpc", "ports.grpc_tls"}},
		{"consul_production.hcl", []string{"ui_config"}},
		{"consul_quiet.hcl", nil},
	} {
		t.Run(tt.file, func(t *testing.T) {
			path, err := filepath.Abs(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir()) // the files that it names are here
			writePair(t, "ca.pem", "c1.pem", "c1-key.pem")
			f, warnings, err := Load([]string{path}, "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range warnings {
				rest, ok := strings.CutPrefix(w, "config file "+path+`: the key "`)
				key, _, _ := strings.Cut(rest, `"`)
				if !ok || !strings.Contains(w, "has no effect: ") {
					t.Errorf("warning %q does not say what has no effect, and where", w)
				}
				got = append(got, key)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("warned of %q, want %q", got, tt.want)
			}
			if _, err := Build(f); err != nil {
				t.Error(err)
			}
		})
	}
}

// writePair writes the certificate of an authority, and one that it has signed, with its key.
func writePair(t *testing.T, ca, cert, key string) {
	t.Helper()
	signer, err := issue.New(issue.Authority{Name: "test", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := signer.Issue(issue.Leaf{Names: []string{"server.dc1.consul"}, Server: true, For: 30 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{ca: signer.Certificate, cert: pair.Certificate, key: pair.Key} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// file is a config file in JSON in which one key of the tables has a value.
func file(t *testing.T, key string, value any) []byte {
	t.Helper()
	words := strings.Split(key, ".")
	doc := map[string]any{words[len(words)-1]: value}
	for _, w := range slices.Backward(words[:len(words)-1]) {
		if w == "service" || w == "check" {
			doc["name"] = "x"
		}
		doc = map[string]any{w: doc}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryToleratedKey(t *testing.T) {
	for key, why := range leftout.Keys {
		var value any = "something"
		if strings.HasPrefix(key, "encrypt_verify") || key == "disable_remote_exec" {
			value = false
		}
		_, warnings, err := Parse("x.json", file(t, key, value), "")
		switch {
		case err != nil:
			t.Errorf("%s is not tolerated: %v", key, err)
		case why == "" && len(warnings) > 0:
			t.Errorf("%s: warned of what nobody misses: %q", key, warnings)
		case why != "" && key != "acl" && (len(warnings) != 1 || !strings.Contains(warnings[0], why)):
			t.Errorf("%s: warnings %q, want one with %q", key, warnings, why)
		}
	}
}

// TestOffIsQuiet holds that a key which switches off what is not there anyway gives no warning.
func TestOffIsQuiet(t *testing.T) {
	inverse := []string{"encrypt_verify_incoming", "encrypt_verify_outgoing", "disable_remote_exec", "acl_default_policy"}
	for key := range leftout.Keys {
		for _, off := range []any{false, nil, -1, 0, "", []string{}, map[string]any{}, map[string]any{"enabled": false}} {
			if slices.Contains(inverse, key) {
				continue
			}
			if _, warnings, err := Parse("x.json", file(t, key, off), ""); err != nil || len(warnings) > 0 {
				t.Errorf("%s = %v: warnings %q, error %v", key, off, warnings, err)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`acl { enabled = true default_policy = "deny" }`, "there are no access rules yet"},
		{`acl { default_policy = "deny" tokens { default = "x" } }`, ""},
		{`acl { enabled = false tokens { initial_management = "x" } }`, ""},
		{`acl_default_policy = "deny"`, "there are no access rules yet"},
		{`acl_default_policy = "allow"`, ""},
		{`encrypt_verify_incoming = true`, ""},
		{`encrypt_verify_incoming = false`, "gossip in plain text is always refused"},
		{`disable_remote_exec = true`, ""},
		{`disable_remote_exec = false`, "no agent runs commands"},
		{`connect {}`, ""},
		{`connect { ca_provider = "vault" }`, "there is no service mesh"},
		{`partition = "default"`, ""},
		{`partition = "east"`, "no namespaces and partitions"},
		{`raft_logstore { backend = "boltdb" }`, ""},
		{`raft_logstore { backend = "wal" wal { segment_size_mb = 32 } }`, "cannot be tuned yet"},
		{`watches = [{ type = "key" key = "a" args = ["b"] }]`, ""},
		{`telemetry { prometheus_retention_time = "24h" disable_hostname = true statsd_address = "" }`, ""},
		{`telemetry { statsd_address = "127.0.0.1:8125" }`, "sent nowhere"},
		{`tls { defaults { verify_incoming = false } }`, ""},
		{`tls { grpc { use_auto_cert = true } }`, ""},
		{`auto_encrypt { tls = true }`, "no agent hands out certificates"},
		{`service { name = "a" connect { sidecar_service {} } }`, ""},
		{`services { name = "b" } services { name = "a" proxy { destination_service_name = "c" } }`, `"services[1].proxy" has no effect`},
	} {
		_, warnings, err := Parse("x.hcl", []byte(tt.text), "")
		got := strings.Join(warnings, "\n")
		if err != nil || tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: warnings %q, error %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

// TestRefused holds that what cannot be passed over is refused by name.
func TestRefused(t *testing.T) {
	for key, why := range leftout.Refused {
		_, _, err := Parse("x.json", file(t, key, "something"), "")
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, want a sentence with %q", key, err, why)
		}
		if _, _, err := Parse("x.json", file(t, key, false), ""); err != nil {
			t.Errorf("%s = false is refused, although it asks for nothing: %v", key, err)
		}
	}
	_, _, err := Parse("x.hcl", []byte(`services { name = "a" checks { tcp = "a:1" interval = "1s" } checks { script = "a" } }`), "")
	want := "config file x.hcl: services[0].checks[1].script: give the program and its arguments as args"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestNamesAreNoKeys holds that what a user calls a group is not taken for a key.
func TestNamesAreNoKeys(t *testing.T) {
	_, _, err := Parse("x.hcl", []byte(`group "check" { ui = true vip "10.0.0.1/24" {} }`), "")
	if err == nil || !strings.Contains(err.Error(), `unknown key "group[check].ui"`) {
		t.Errorf("got %v", err)
	}
}

// TestNamesOfTheAPI holds that a file written with the names of the API means the same.
func TestNamesOfTheAPI(t *testing.T) {
	f := parse(t, "x.json", `{"Service": {"ID": "a1", "Name": "a", "EnableTagOverride": true, "Check": {"DeregisterCriticalServiceAfter": "2m", "TLSSkipVerify": true,
		"http": "http://127.0.0.1", "Interval": "1s"}}, "checks": [{"name": "c", "ServiceID": "a1", "ScriptArgs": ["x", "y"], "interval": "1s"}], "enable_local_script_checks": true, "bind_addr": "127.0.0.1"}`)
	c, err := Build(f)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Services[0]
	if s.Service.ID != "a1" || !s.Service.EnableTagOverride || s.Checks[0].DeregisterCriticalServiceAfter.Minutes() != 2 || !s.Checks[0].TLSSkipVerify {
		t.Errorf("service = %+v", s)
	}
	if d := c.Checks[0]; d.ServiceID != "a1" || !slices.Equal(d.Args, []string{"x", "y"}) {
		t.Errorf("check = %+v", d)
	}
}
