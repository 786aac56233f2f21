package main

import (
	"context"
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
	"time"
)

// consulBinary names a Consul that the tests may run beside Holdfast.
const consulBinary = "HOLDFAST_TEST_CONSUL"

// put sends one request that changes something to an agent.
func put(t *testing.T, method, url, body string) {
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
}

// furnish gives a source something to bring over, and answers how many keys.
func furnish(t *testing.T, addr string) int {
	t.Helper()
	const keys = 150
	for i := range keys {
		put(t, http.MethodPut, fmt.Sprintf("http://%s/v1/kv/app/%d?flags=%d", addr, i, i), "v")
	}
	put(t, http.MethodPut, "http://"+addr+"/v1/kv/app/none", "")
	put(t, http.MethodPut, "http://"+addr+"/v1/kv/big", strings.Repeat("x", 300<<10))
	put(t, http.MethodPut, "http://"+addr+"/v1/session/create", `{"Name":"s"}`)
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
	broughtOver(t, source.http)
}

// TestImportFromConsul does the same with a real Consul, where there is one.
func TestImportFromConsul(t *testing.T) {
	binary := os.Getenv(consulBinary)
	if binary == "" {
		t.Skip("set " + consulBinary + " to the path of a Consul to bring its state over")
	}
	t.Parallel()
	broughtOver(t, startConsul(t, binary, "old"))
}

// startConsul starts a Consul of one server on ports of its own, and answers the address of its API.
func startConsul(t *testing.T, binary, node string) string {
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
	text := fmt.Sprintf(`{"node_name":%q,"bind_addr":"127.0.0.1","server":true,"bootstrap":true,"data_dir":%q,
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
	addr := fmt.Sprintf("127.0.0.1:%d", ports[0])
	eventually(t, "Consul has a leader and its node", func() bool {
		got := terminal{env: map[string]string{"HOLDFAST_HTTP_ADDR": addr}}.run(t, "catalog", "nodes")
		return got.code == 0 && strings.Contains(got.out, node)
	})
	return addr
}

// broughtOver brings a source over: first a look, then for good, then once more.
func broughtOver(t *testing.T, source string) {
	t.Helper()
	keys := furnish(t, source)
	c := startAgent(t, "", "-dev", "-node", "new")
	c.await(leadLine)
	c.ask("kv", "put", "app/0", "mine")
	deadline := time.Now().Add(20 * time.Second) // until the source's catalog has its services
	for !strings.Contains(terminal{}.run(t, "catalog", "services", "-http-addr", source).out, "checked") {
		if time.Now().After(deadline) {
			t.Fatal("the source does not have its services")
		}
	}
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
		`^  - 1 session: .*; 0 keys that they hold`, `^  - service checked: the API does not tell what its checks do \(ttl\)`, `^Nothing is written yet`)
	if got := c.ask("kv", "get", "-keys", ""); got.out != "app/\n" || c.ask("kv", "get", "app/0").out != "mine\n" {
		t.Errorf("the look has written: %s", got.out)
	}
	want(c.ask("import", "consul", source, "-yes"), fmt.Sprintf(`^Done: %d keys, 1 external node, 1 service, 2 prepared queries\.$`, keys))
	want(c.ask("import", "consul", source, "-yes"), fmt.Sprintf(`^keys +0 +0 +%d$`, keys), `^external nodes +0 +0 +1$`, `^services of the agent +0 +0 +1$`, `^prepared queries +0 +0 +2$`, `^There is nothing to write\.$`)
	want(c.ask("kv", "get", "-detailed", "app/9"), `^Flags +9$`, `^Value +v$`)
	want(c.ask("catalog", "services", "-node=printer", "-tags"), `^lp +a4$`)
	want(c.ask("catalog", "nodes", "-service=plain"), `^new `)
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
	// As a snapshot.
	snap := filepath.Join(t.TempDir(), "all.snap")
	resp, err := http.Get("http://" + source + "/v1/snapshot") //nolint:noctx // on loopback
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	f, err := os.Create(snap)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if got := c.ask("import", "consul", snap); got.code != 1 || !strings.Contains(got.err, "this is an archive of consul snapshot save") {
		t.Errorf("a snapshot: %+v", got)
	}
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
