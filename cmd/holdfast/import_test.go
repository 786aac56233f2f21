package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// consulBinary names a Consul that the tests may run beside Holdfast.
const consulBinary = "HOLDFAST_TEST_CONSUL"

// put sends one request that changes something to an agent, and gives the answer.
func put(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, url, resp.Status)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// lockKey has a session of a source's hold a key.
func lockKey(t *testing.T, addr, key string) {
	t.Helper()
	var session struct{ ID string }
	if err := json.Unmarshal([]byte(put(t, http.MethodPut, "http://"+addr+"/v1/session/create", `{"Name":"s"}`)), &session); err != nil {
		t.Fatal(err)
	}
	put(t, http.MethodPut, "http://"+addr+"/v1/kv/"+key+"?acquire="+session.ID, "")
}

// furnish gives a source something to bring over, and answers how many keys.
func furnish(t *testing.T, addr string) int {
	t.Helper()
	const keys = 150
	for i := range keys {
		put(t, http.MethodPut, fmt.Sprintf("http://%s/v1/kv/app/%d?flags=%d", addr, i, i), "v")
	}
	put(t, http.MethodPut, "http://"+addr+"/v1/kv/big", strings.Repeat("x", 300<<10))
	lockKey(t, addr, "app/none")
	put(t, http.MethodPut, "http://"+addr+"/v1/catalog/register", `{"Node":"printer","Address":"192.0.2.9","NodeMeta":{"external-node":"true"},
		"Service":{"ID":"lp","Service":"lp","Port":9100,"Tags":["a4"]},"Check":{"CheckID":"paper","Name":"paper","Status":"warning","ServiceID":"lp","Output":"low"}}`)
	put(t, http.MethodPut, "http://"+addr+"/v1/agent/service/register", `{"Name":"plain","Port":80,"Tags":["x"],"Meta":{"a":"b"}}`)
	put(t, http.MethodPut, "http://"+addr+"/v1/agent/service/register", `{"Name":"checked","Port":81,"Check":{"TTL":"1h"}}`)
	put(t, http.MethodPost, "http://"+addr+"/v1/query", `{"Name":"q","Service":{"Service":"lp","OnlyPassing":true},"DNS":{"TTL":"9s"}}`)
	put(t, http.MethodPost, "http://"+addr+"/v1/query", `{"Name":"p","Template":{"Type":"name_prefix_match"},"Service":{"Service":"lp","Tags":["a4"]}}`)
	return keys + 2
}

// TestImport brings over what another agent of ours keeps, as it would Consul's.
func TestImport(t *testing.T) {
	t.Parallel()
	source := startAgent(t, "", "-dev", "-node", "old")
	source.await(leadLine)
	snap := broughtOver(t, source.http)
	c := startAgent(t, "", "-dev", "-node", "other")
	c.await(leadLine)
	if got := c.ask("import", "consul", snap); got.code != 1 || !strings.Contains(got.err, "this snapshot was saved by Holdfast: holdfast snapshot restore brings it back") {
		t.Errorf("a snapshot of Holdfast's own: %+v", got)
	}
}

// TestImportFiles brings over a snapshot and a data directory, which were not made by Consul, and holds every line that is printed.
func TestImportFiles(t *testing.T) {
	t.Parallel()
	c := startAgent(t, "", "-dev", "-node", "n1")
	c.await(leadLine)
	const at = "verb/migrate/disk/testdata/"
	torn := filepath.Join(t.TempDir(), "torn.snap")
	b, err := os.ReadFile(at + "small.snap")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torn, b[:len(b)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, addr: c.http}
	for _, args := range [][]string{
		{at + "small.snap"},
		{at + "small.snap", "-format=json"},
		{torn, "-yes"},
		{"kv", "get", "-keys", ""},
		{at + "small.snap", "-node=none"},
		{at + "small.snap", "-data-dir=" + t.TempDir()},
		{at + "small.snap", "-data-dir=" + at + "agent"},
		{at + "small.snap", "-yes"},
		{at + "small.snap", "-yes"},
		{at + "agent"},
	} {
		s.run(importing(args)...)
	}
	with := startAgent(t, "", "-dev", "-node", "n2", "-enable-script-checks")
	with.await(leadLine)
	s.addr = with.http
	for _, args := range [][]string{
		{at + "small.snap", "-data-dir=" + at + "agent", "-yes", "-prefix=app/l"},
		{at + "agent", "-yes"},
		{at + "agent", "-yes"},
		{at + "agent", "-data-dir=" + at + "agent"},
		{"/no/such/file"},
	} {
		s.run(importing(args)...)
	}
	got := strings.NewReplacer(torn, "TORN", filepath.Dir(torn), "DIR").Replace(steady(s.b.String()))
	golden(t, "session/import", regexp.MustCompile(regexp.QuoteMeta(os.TempDir())+`/TestImportFiles\S*`).ReplaceAllString(got, "DIR"))

	var checks map[string]struct{ Name, Status, Notes, Type, ServiceID string }
	if err := json.Unmarshal([]byte(with.get("/v1/agent/checks")), &checks); err != nil {
		t.Fatal(err)
	}
	if c := checks["service:web-1:2"]; c.Name != "heartbeat" || c.Status != "passing" || c.Notes != "by the program" || c.Type != "ttl" {
		t.Errorf("the TTL check, told before: %+v", c)
	}
	if c := checks["_service_maintenance:db"]; c.Notes != "the disk is being replaced" || len(checks) != 5 {
		t.Errorf("db is not in maintenance, or there is more: %+v", checks)
	}
	if body := with.get("/v1/agent/service/web-1"); !strings.Contains(body, `"Passing":3`) || !strings.Contains(body, `"v":"1"`) {
		t.Errorf("web-1: %s", body)
	}
}

// importing is a command line of import, unless it is one of another verb.
func importing(args []string) []string {
	if args[0] == "kv" {
		return args
	}
	return append([]string{"import", "consul"}, args...)
}

// TestImportFromConsul does the same with a real Consul, where there is one.
func TestImportFromConsul(t *testing.T) {
	binary := os.Getenv(consulBinary)
	if binary == "" {
		t.Skip("set " + consulBinary + " to the path of a Consul to bring its state over")
	}
	t.Parallel()
	source, dir := startConsul(t, binary, "old")
	snap := broughtOver(t, source)
	put(t, http.MethodPut, "http://"+source+"/v1/agent/service/register", fmt.Sprintf(`{"ID":"web-1","Name":"web","Port":81,"Tags":["v2"],"Weights":{"Passing":3,"Warning":1},"Checks":[
		{"TTL":"1h","Notes":"n"},{"HTTP":"http://%[1]s/v1/status/leader","Header":{"X-A":["b"]},"Interval":"1s","Timeout":"5s"},{"TCP":"%[1]s","Interval":"1s"},
		{"Args":["/bin/sh","-c","exit 1"],"Interval":"1s","FailuresBeforeCritical":2},{"GRPC":"127.0.0.1:1/x","Interval":"1h"},{"AliasService":"plain"}]}`, source))
	put(t, http.MethodPut, "http://"+source+"/v1/agent/check/pass/service:web-1:1", "")
	put(t, http.MethodPut, "http://"+source+"/v1/agent/check/register", `{"Name":"load","Args":["/bin/true"],"Interval":"1s"}`)
	put(t, http.MethodPut, "http://"+source+"/v1/agent/service/maintenance/plain?enable=true&reason=repair", "")
	save(t, source, snap)
	three := startThree(t, "enable_script_checks = true ")
	for i, args := range [][]string{{source, "-data-dir", dir}, {snap, "-data-dir", dir}, {dir}} { // each member's services by another way
		got := three[i].ask(append(append([]string{"import", "consul"}, args...), "-yes")...)
		if got.code != 0 || !strings.Contains(got.out, "3 services, 1 check") || !strings.Contains(got.out, "service fromfile") && !strings.Contains(got.out, "what config files define") {
			t.Errorf("%q: %+v", args, got)
		}
		if again := three[i].ask(append([]string{"import", "consul"}, args...)...); !strings.Contains(again.out, "There is nothing to write.") {
			t.Errorf("%q once more: %+v", args, again)
		}
		checked(t, three[i])
	}
	for _, c := range three {
		want := terminal{}.run(t, "kv", "export", "-http-addr", source)
		if got := c.ask("kv", "export"); got != want {
			t.Errorf("the keys differ:\n%.300s\nwant\n%.300s", got.out, want.out)
		}
		var queries []struct{ Name string }
		if err := json.Unmarshal([]byte(c.get("/v1/query")), &queries); err != nil || len(queries) != 2 {
			t.Errorf("prepared queries %v, %v", queries, err)
		}
		if body := c.get("/v1/health/node/printer"); !strings.Contains(body, `"Status":"warning"`) {
			t.Errorf("the external node: %s", body)
		}
	}
	if body := three[0].get("/v1/health/service/web"); strings.Count(body, `"ID":"web-1"`) != 3 {
		t.Errorf("web is not on three machines: %s", body)
	}
}

// checked waits until the checks that were brought over have run, and holds that each does what it did.
func checked(t *testing.T, c *child) {
	t.Helper()
	want := map[string]string{
		"_service_maintenance:plain": "critical", "load": "passing", "service:checked": "critical", "service:web-1:1": "passing", "service:web-1:2": "passing", "service:web-1:3": "passing",
		"service:web-1:4": "warning", "service:web-1:5": "critical", "service:web-1:6": "critical",
	}
	types := map[string]string{"service:web-1:1": "ttl", "service:web-1:2": "http", "service:web-1:3": "tcp", "service:web-1:4": "script", "service:web-1:5": "grpc", "service:web-1:6": "alias"}
	var diff string
	eventually(t, "the checks have run", func() bool {
		var checks map[string]struct{ Status, Type string }
		if err := json.Unmarshal([]byte(c.get("/v1/agent/checks")), &checks); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for id, x := range checks {
			got[id] = x.Status
			if types[id] != "" && types[id] != x.Type {
				t.Fatalf("check %s has the type %s", id, x.Type)
			}
		}
		next := cmp.Diff(want, got)
		if next != "" && next != diff {
			t.Logf("not yet: %s", next)
		}
		diff = next
		return diff == ""
	})
}

// startThree starts three servers that find one another, n1 to n3.
func startThree(t *testing.T, config string) []*child {
	t.Helper()
	config += "server = true bootstrap_expect = 3 "
	first := startAgent(t, config+`data_dir = "`+t.TempDir()+`"`, "-node", "n1")
	var self struct{ Member struct{ Port int } }
	if err := json.Unmarshal([]byte(first.get("/v1/agent/self")), &self); err != nil {
		t.Fatal(err)
	}
	all := []*child{first}
	for _, n := range []string{"n2", "n3"} {
		all = append(all, startAgent(t, fmt.Sprintf(`%sretry_join = ["127.0.0.1:%d"] data_dir = %q`, config, self.Member.Port, t.TempDir()), "-node", n))
	}
	eventually(t, "three members and a leader", func() bool {
		return strings.Contains(all[2].get("/v1/status/leader"), ":") && strings.Count(all[2].ask("members").out, "alive") == 3
	})
	return all
}

// save writes a snapshot of an agent into a file.
func save(t *testing.T, addr, name string) {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/v1/snapshot") //nolint:noctx // on loopback
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("snapshot: %s, %v", resp.Status, err)
	}
}

// startConsul starts a Consul of one server on ports of its own, and answers the address of its API and its data directory.
func startConsul(t *testing.T, binary, node string) (addr, data string) {
	t.Helper()
	var ports [4]int
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "c.json")
	text := fmt.Sprintf(`{"node_name":%q,"bind_addr":"127.0.0.1","server":true,"bootstrap":true,"data_dir":%q,"enable_script_checks":true,"service":{"name":"fromfile","port":70,"check":{"tcp":"127.0.0.1:1","interval":"1h"}},
		"ports":{"http":%d,"dns":-1,"grpc":-1,"serf_lan":%d,"serf_wan":%d,"server":%d}}`, node, filepath.Join(dir, "data"), ports[0], ports[1], ports[2], ports[3])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &syncBuffer{}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "agent", "-config-file", config)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("--- log of Consul\n%s", out)
		}
	})
	addr = fmt.Sprintf("127.0.0.1:%d", ports[0])
	eventually(t, "Consul has a leader and its node", func() bool {
		got := terminal{env: map[string]string{"HOLDFAST_HTTP_ADDR": addr}}.run(t, "catalog", "nodes")
		return got.code == 0 && strings.Contains(got.out, node)
	})
	return addr, filepath.Join(dir, "data")
}

// broughtOver brings a source over: first a look, then for good, then once more. It answers a snapshot of the source.
func broughtOver(t *testing.T, source string) (snapshot string) {
	t.Helper()
	keys := furnish(t, source)
	c := startAgent(t, "", "-dev", "-node", "new")
	c.await(leadLine)
	c.ask("kv", "put", "app/0", "mine")
	eventually(t, "the source's catalog has its services", func() bool {
		got := terminal{}.run(t, "catalog", "services", "-http-addr", source).out
		return strings.Contains(got, "checked") && strings.Contains(got, "plain")
	})
	want := func(got said, lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !regexp.MustCompile(`(?m)` + l).MatchString(got.out) {
				t.Errorf("it does not say %q:\n%s%s", l, got.out, got.err)
			}
		}
		if got.code != 0 {
			t.Errorf("exit code %d", got.code)
		}
	}
	look := c.ask("import", "consul", source)
	want(look, `^From: agent old of datacenter dc1 \(.*\) at `, fmt.Sprintf(`^keys +%d +1 +0$`, keys-1), `^external nodes +1 +0 +0$`, `^services of the agent +1 +0 +0$`, `^prepared queries +2 +0 +0$`,
		`^  - 1 session: .*; 1 key \(app/none\) that they hold`, `^  - service checked: the API does not tell what its checks do \(service:checked ttl\)`, `^Nothing is written yet`)
	if got := c.ask("kv", "get", "-keys", ""); got.out != "app/\n" || c.ask("kv", "get", "app/0").out != "mine\n" {
		t.Errorf("the look has written: %s", got.out)
	}
	want(c.ask("import", "consul", source, "-yes"), fmt.Sprintf(`^Done: %d keys, 1 external node, 1 service, 2 prepared queries\.$`, keys))
	want(c.ask("import", "consul", source, "-yes"), fmt.Sprintf(`^keys +0 +0 +%d$`, keys), `^external nodes +0 +0 +1$`, `^services of the agent +0 +0 +1$`, `^prepared queries +0 +0 +2$`, `^There is nothing to write\.$`)
	want(c.ask("kv", "get", "-detailed", "app/9"), `^Flags +9$`, `^Value +v$`)
	want(c.ask("catalog", "services", "-node=printer", "-tags"), `^lp +a4$`)
	eventually(t, "the service is in the catalog", func() bool { return strings.Contains(c.ask("catalog", "nodes", "-service=plain").out, "\nnew ") })
	for path, part := range map[string]string{"/v1/health/node/printer": `"Status":"warning"`, "/v1/query": `"Name":"q"`} {
		if body := c.get(path); !strings.Contains(body, part) {
			t.Errorf("%s: %s", path, body)
		}
	}
	// As a file.
	file := filepath.Join(t.TempDir(), "all.json")
	if err := os.WriteFile(file, []byte(terminal{}.run(t, "kv", "export", "-http-addr", source).out), 0o600); err != nil {
		t.Fatal(err)
	}
	c.ask("kv", "delete", "-recurse", "app/")
	want(c.ask("import", "consul", file, "-yes", "-prefix=app/"), `^From: file `, fmt.Sprintf(`^Done: %d keys\.$`, keys-1))
	if got := c.ask("import", "consul", c.http); got.code != 1 || !strings.Contains(got.err, "is the agent that would be written to") {
		t.Errorf("from itself: %+v", got)
	}
	snapshot = filepath.Join(t.TempDir(), "all.snap")
	save(t, source, snapshot)
	return snapshot
}

// get is the body of one answer of the agent.
func (c *child) get(path string) string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://"+c.http+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}
