package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
)

func TestRegisterService(t *testing.T) {
	m := newMember()
	h := m.handler()
	body := `{"ID":"web-1","Name":"web","Tags":["a","b"],"Address":"10.0.0.5","Port":80,"Meta":{"my_key":"v_1"},
		"TaggedAddresses":{"lan":{"address":"10.0.0.5","port":80}},"Weights":{"Passing":5,"Warning":2},"enable_tag_override":true,"Token":"t",
		"Check":{"HTTP":"http://127.0.0.1/","Interval":"10s","Timeout":"2s","Header":{"X_Y":["z"]},"DeregisterCriticalServiceAfter":"10s"},
		"Checks":[{"TTL":"15s","Status":"passing"},{"CheckID":"mine","Name":"Mine","tcp":"127.0.0.1:80","interval":1000000000,"failures_before_critical":3}]}`
	talks(t, h, []talk{{"PUT /v1/agent/service/register?replace-existing-checks=true", body, 200, ""}})
	want := &cluster.Service{
		ID: "web-1", Name: "web", Tags: []string{"a", "b"}, Address: "10.0.0.5", Port: 80, Meta: map[string]string{"my_key": "v_1"},
		TaggedAddresses: map[string]cluster.ServiceAddress{"lan": {Address: "10.0.0.5", Port: 80}}, Weights: cluster.Weights{Passing: 5, Warning: 2}, EnableTagOverride: true,
	}
	if d := cmp.Diff(want, m.local.services["web-1"]); d != "" {
		t.Error(d)
	}
	if !m.local.replaced || !cmp.Equal(m.local.tokens, []string{"t"}) {
		t.Errorf("replace is %t, the tokens are %q", m.local.replaced, m.local.tokens)
	}
	checks := map[string]cluster.CheckDefinition{}
	for id, c := range m.local.checks {
		checks[id] = c.Definition
	}
	wantChecks := map[string]cluster.CheckDefinition{
		"service:web-1:1": {
			ID: "service:web-1:1", Name: "Service 'web' check", ServiceID: "web-1", HTTP: "http://127.0.0.1/", Interval: 10 * time.Second, Timeout: 2 * time.Second,
			Header: map[string][]string{"X_Y": {"z"}}, DeregisterCriticalServiceAfter: time.Minute,
		},
		"service:web-1:2": {ID: "service:web-1:2", Name: "Service 'web' check", ServiceID: "web-1", TTL: 15 * time.Second, InitialStatus: cluster.Passing},
		"mine":            {ID: "mine", Name: "Mine", ServiceID: "web-1", TCP: "127.0.0.1:80", Interval: time.Second, FailuresBeforeCritical: 3},
	}
	if d := cmp.Diff(wantChecks, checks); d != "" {
		t.Error(d)
	}
}

func TestRegisterServiceDefaults(t *testing.T) {
	m := newMember()
	talks(t, m.handler(), []talk{
		{"PUT /v1/agent/service/register?token=q", `{"Name":"web","Check":{"TTL":"15s"},"Connect":null,"Proxy":{},"Namespace":"","Token":"t"}`, 200, ""},
		{"PUT /v1/agent/service/register", `{"Name":"bare","Check":{},"Checks":[null],"Locality":{"Region":"eu"}}`, 200, ""},
		{"GET /v1/agent/service/bare", "", 200, `{"ID":"bare","Service":"bare","Tags":[],"Meta":{},"Port":0,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"Datacenter":"dc1","Locality":{"Region":"eu","Zone":""},"ContentHash":"…`},
	})
	if _, ok := m.local.checks["service:web"]; !ok || len(m.local.checks) != 1 {
		t.Errorf("the checks are %v, want service:web", m.local.checks)
	}
	if m.local.tokens[0] != "q" {
		t.Errorf("the token is %q, want that of the request before that of the body", m.local.tokens[0])
	}
}

func TestRegisterRefuses(t *testing.T) {
	m := newMember()
	h := m.handler()
	talks(t, h, []talk{
		{"PUT /v1/agent/service/register", `{}`, 400, "Missing service name…"},
		{"PUT /v1/agent/service/register", `{"Name":"web","Weights":{"Passing":0,"Warning":1}}`, 400, "Invalid Weights: Passing must be greater than 0…"},
		{"PUT /v1/agent/service/register", `{"Name":"web","Weights":{"Passing":1,"Warning":-1}}`, 400, "Invalid Weights: Warning must be…"},
		{"PUT /v1/agent/service/register", `{"Name":"web","Prot":80}`, 400, `Request decode failed: unknown field "Prot"`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Port":"80"}`, 400, "Request decode failed…"},
		{"PUT /v1/agent/service/register", `{"Name":"web","Port":70000}`, 400, `service "web" has port 70000…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"HTTP":"http://x"}}`, 400, `check "service:web" has no interval…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"TTL":"-1s"}}`, 400, `check "service:web" has a negative duration`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Address":"0.0.0.0"}`, 400, "Invalid service address: 0.0.0.0…"},
		{"PUT /v1/agent/service/register", `{"Name":"web","Address":"::"}`, 400, "Invalid service address: ::…"},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"Interval":"1s"}}`, 400, `check "service:web" does not say what to check…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"HTTP":"http://x","Interval":"soon"}}`, 400, `Request decode failed: invalid duration "soon"…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"HTTP":"http://x","Intervall":"1s"}}`, 400, `Request decode failed: unknown field "Intervall"`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"GRPC":"x:1"}}`, 400, `check "service:web" has no interval…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"Script":"x","Interval":"1s"}}`, 400, `check "Service 'web' check" has the field Script…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"OSService":"x"}}`, 400, `check "service:web" has no interval…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"DockerContainerID":"x","Args":["/bin/true"],"Interval":"1s"}}`, 400, `check "service:web" runs a program…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Kind":"connect-proxy"}`, 501, `service "web" is of kind connect-proxy…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"Args":["/bin/true"],"Interval":"1s"}}`, 400, `check "service:web" runs a program…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Check":{"ScriptArgs":["/bin/true"],"Interval":"1s"}}`, 400, `check "service:web" runs a program…`},
		{"PUT /v1/agent/service/register", `{"Name":"web","Connect":{"SidecarService":{}}}`, 501, `service "web": the field Connect is part of the service mesh…`},
		{"PUT /v1/agent/service/register?replace-existing-checks=x", `{"Name":"web"}`, 400, "the parameter replace-existing-checks=x…"},
		{"PUT /v1/agent/service/register", `null`, 400, "Missing service name…"},
		{"PUT /v1/agent/check/register", `{"Name":"c","CheckID":"x","TTL":"1s"}`, 400, "Request decode failed: a check has no field CheckID here…"},
		{"PUT /v1/agent/check/register", `{"TTL":"1s"}`, 400, "a check has neither an ID nor a name…"},
		{"PUT /v1/agent/check/register", `{"Name":"c","TTL":"1s","HTTP":"http://x","Interval":"1s"}`, 400, `check "c" is of more than one kind (http and ttl)…`},
		{"PUT /v1/agent/check/register", `{"Name":"c","Args":["/bin/true"],"Interval":"1s"}`, 400, `check "c" runs a program…`},
		{"PUT /v1/agent/check/register", `{"Name":"c","TTL":true}`, 400, "Request decode failed: invalid duration true…"},
		{"PUT /v1/agent/check/pass/none", "", 404, `Unknown check ID "none"`},
		{"PUT /v1/agent/check/pass/", "", 400, "Missing check ID…"},
		{"PUT /v1/agent/check/update/none", `{"Status":"fine"}`, 400, `Invalid check status: "fine"…`},
		{"PUT /v1/agent/check/update/none", `{"Status":"passing"}`, 404, `Unknown check ID "none"`},
		{"PUT /v1/agent/check/deregister/none", "", 404, `Unknown check ID "none"`},
		{"PUT /v1/agent/service/deregister/none", "", 404, `Unknown service ID "none"`},
		{"GET /v1/agent/service/none", "", 404, "unknown service ID: none"},
	})
	if len(m.local.services)+len(m.local.checks) > 0 {
		t.Errorf("what was refused is registered: %v %v", m.local.services, m.local.checks)
	}
}

// TestCheckKinds holds how each kind of check is asked for, in either spelling.
func TestCheckKinds(t *testing.T) {
	for body, want := range map[string]cluster.CheckDefinition{
		`"UDP":"a:1","Interval":"1s"`:                                                                            {UDP: "a:1", Interval: time.Second},
		`"udp":"a:1","interval":1000000000`:                                                                      {UDP: "a:1", Interval: time.Second},
		`"UDP":"a:1","Interval":"1ms"`:                                                                           {UDP: "a:1", Interval: cluster.MinCheckInterval},
		`"GRPC":"a:1/s","GRPCUseTLS":true,"Interval":"1s","TLSServerName":"n"`:                                   {GRPC: "a:1/s", GRPCUseTLS: true, Interval: time.Second, TLSServerName: "n"},
		`"grpc":"a:1","grpc_use_tls":false,"interval":"1s","tls_skip_verify":true`:                               {GRPC: "a:1", Interval: time.Second, TLSSkipVerify: true},
		`"Ping":"h","Interval":"1s"`:                                                                             {Ping: "h", Interval: time.Second},
		`"DNS":{"Server":"s","Name":"n","Expect":["1.2.3.4"]},"Interval":"1s"`:                                   {DNS: &cluster.DNSCheck{Server: "s", Name: "n", Expect: []string{"1.2.3.4"}}, Interval: time.Second},
		`"MySQL":{"Address":"a","User":"u","PasswordFile":"/p","Role":"replica","MaxLag":"10s"},"Interval":"1s"`: {MySQL: &cluster.DatabaseCheck{Address: "a", User: "u", PasswordFile: "/p", Role: "replica", MaxLag: 10 * time.Second}, Interval: time.Second},
		`"postgres":{"address":"a","password_file":"/p","use_tls":true,"max_lag":"1s"},"interval":"1s"`:          {Postgres: &cluster.DatabaseCheck{Address: "a", PasswordFile: "/p", UseTLS: true, MaxLag: time.Second}, Interval: time.Second},
		`"OSService":"nginx","Interval":"1s"`:                                                                    {OSService: "nginx", Interval: time.Second},
		`"H2PING":"a:1","Interval":"1s"`:                                                                         {H2Ping: "a:1", H2PingUseTLS: true, Interval: time.Second},
		`"h2ping":"a:1","h2ping_use_tls":false,"interval":"1s"`:                                                  {H2Ping: "a:1", Interval: time.Second},
		`"TCP":"a:1","TCPUseTLS":true,"Interval":"1s","Timeout":"2s"`:                                            {TCP: "a:1", TCPUseTLS: true, Interval: time.Second, Timeout: 2 * time.Second},
		`"AliasNode":"n2","AliasService":"db"`:                                                                   {Alias: &cluster.AliasCheck{Node: "n2", Service: "db"}},
		`"alias_service":"db"`:                                                                                   {Alias: &cluster.AliasCheck{Service: "db"}},
		`"DockerContainerID":"web","Shell":"/bin/sh","Args":["true"],"Interval":"1s"`:                            {DockerContainerID: "web", Shell: "/bin/sh", Args: []string{"true"}, Interval: time.Second},
		`"docker_container_id":"web","script_args":["true"],"interval":"1s"`:                                     {DockerContainerID: "web", Args: []string{"true"}, Interval: time.Second},
		`"TTL":"1m","SuccessBeforePassing":2,"FailuresBeforeWarning":1,"FailuresBeforeCritical":3,"OutputMaxSize":7,"Status":"warning"`: {
			TTL: time.Minute, SuccessBeforePassing: 2, FailuresBeforeWarning: 1, FailuresBeforeCritical: 3, OutputMaxSize: 7, InitialStatus: cluster.Warning,
		},
		`"ttl":"1m","success_before_passing":2,"deregister_critical_service_after":"90m"`: {TTL: time.Minute, SuccessBeforePassing: 2, DeregisterCriticalServiceAfter: 90 * time.Minute},
	} {
		m := newMember()
		h := m.handler(func(c *Config) { c.ScriptChecks = true })
		talks(t, h, []talk{{"PUT /v1/agent/check/register", `{"Name":"c",` + body + `}`, 200, ""}})
		want.ID, want.Name = "c", "c"
		if d := cmp.Diff(want, m.local.checks["c"].Definition); d != "" {
			t.Errorf("%s: %s", body, d)
		}
		talks(t, h, []talk{{"PUT /v1/agent/service/register", `{"Name":"web","Check":{` + body + `}}`, 200, ""}})
		want.ID, want.Name, want.ServiceID = "service:web", "Service 'web' check", "web"
		if d := cmp.Diff(want, m.local.checks["service:web"].Definition); d != "" {
			t.Errorf("%s, of a service: %s", body, d)
		}
	}
}

func TestScriptsWhereAllowed(t *testing.T) {
	m := newMember()
	h := m.handler(func(c *Config) { c.ScriptChecks = true })
	talks(t, h, []talk{{"PUT /v1/agent/check/register", `{"Name":"c","Args":["/bin/true"],"Interval":"1s"}`, 200, ""}})
	if d := cmp.Diff([]string{"/bin/true"}, m.local.checks["c"].Definition.Args); d != "" {
		t.Error(d)
	}
}

func TestChecks(t *testing.T) {
	m := newMember()
	h := m.handler()
	is := func(id string, status cluster.Status, output string) {
		t.Helper()
		if c := m.local.checks[id]; c.Status != status || c.Output != output {
			t.Errorf("check %q is %s %q, want %s %q", id, c.Status, c.Output, status, output)
		}
	}
	talks(t, h, []talk{
		{"PUT /v1/agent/check/register", `{"ID":"a/b","Name":"c","TTL":"1s","Notes":"n"}`, 200, ""},
		{"PUT /v1/agent/check/register", `{"Name":"by process","Process":{"PIDFile":"/run/x.pid"}}`, 200, ""},
		{"PUT /v1/agent/check/pass/a/b?note=all%20well", "", 200, ""},
	})
	is("a/b", cluster.Passing, "all well")
	talks(t, h, []talk{{"PUT /v1/agent/check/warn/a/b", "", 200, ""}})
	is("a/b", cluster.Warning, "")
	talks(t, h, []talk{{"PUT /v1/agent/check/fail/a/b?note=x", "", 200, ""}})
	is("a/b", cluster.Critical, "x")
	talks(t, h, []talk{{"PUT /v1/agent/check/update/a/b", `{"Status":"passing","Output":"y"}`, 200, ""}})
	is("a/b", cluster.Passing, "y")
	if p := m.local.checks["by process"].Definition.Process; p == nil || p.PIDFile != "/run/x.pid" {
		t.Errorf("the process check is %+v", p)
	}
	talks(t, h, []talk{
		{"PUT /v1/agent/check/deregister/a/b", "", 200, ""},
		{"PUT /v1/agent/check/deregister/by%20process", "", 200, ""},
		{"GET /v1/agent/checks", "", 200, "{}"},
	})
}

// FuzzRegister holds that no body makes the API panic, and that what it takes is valid.
func FuzzRegister(f *testing.F) {
	for _, b := range []string{
		`{"Name":"web","Check":{"TTL":"1s"}}`, `{"name":"a","checks":[{"args":["x"],"interval":1}]}`, `null`, `{"Check":null}`, `{"Name":"\u0000","Weights":{}}`,
		`{"Name":"a","Check":{"TTL":1e300}}`, `{"Na_me":"a","Name":"b"}`, `{"Name":"a","Connect":[]}`,
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := newMember()
		for _, path := range []string{"/v1/agent/service/register", "/v1/agent/check/register"} {
			w := send(t, m.handler(), "PUT "+path, body)
			if w.Code != 200 && w.Code != 400 && w.Code != 501 || strings.Contains(w.Body.String(), "the agent failed") {
				t.Fatalf("%s %q: %d %s", path, body, w.Code, w.Body)
			}
		}
		for _, s := range m.local.services {
			if err := s.Validate(); err != nil {
				t.Fatalf("%q registers a service that is not valid: %v", body, err)
			}
		}
		for _, c := range m.local.checks {
			if err := c.Definition.Validate(); err != nil {
				t.Fatalf("%q registers a check that is not valid: %v", body, err)
			}
		}
	})
}
