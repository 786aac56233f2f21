package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/httpapi/watch"
)

// watched are the values of the keys that a handler has written into a file.
func watched(t *testing.T, path string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e *struct {
			Value   []byte
			Session *string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("the handler was given %q: %v", line, err)
		}
		switch {
		case e == nil:
			out = append(out, "null")
		case e.Session == nil:
			t.Errorf("%s has no session, not even an empty one", line)
		default:
			out = append(out, string(e.Value))
		}
	}
	return out
}

// TestWatchInTheAgent holds that a watches block runs its handler once for each change, over a reload and as status says.
func TestWatchInTheAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out, nodes := filepath.Join(dir, "a.hcl"), filepath.Join(dir, "out"), filepath.Join(dir, "nodes")
	configure := func(more string) {
		t.Helper()
		text := `watches = [{ type = "key" key = "vip" handler = "cat >> ` + out + `; echo index $CONSUL_INDEX" }` + more + `]`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure("")
	c := startAgent(t, "", "-dev", "-node", "n1", "-config-file", file)
	c.await(leadLine)
	sees := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("the values %q", want), func() bool { return slices.Equal(watched(t, out), want) })
	}
	sees("null")
	c.ask("kv", "put", "vip", "10.0.0.1")
	sees("null", "10.0.0.1")
	c.ask("kv", "put", "other", "x")
	eventually(t, "the node as the agent registers it", func() bool { return strings.Contains(c.api("/v1/catalog/nodes"), "consul-version") }) // the new watch runs once
	configure(`, { type = "nodes" args = ["sh", "-c", "cat > ` + nodes + `"] }`)
	c.reloaded(`msg="the configuration is reloaded" .*watches=2`)
	eventually(t, "the new watch", func() bool { return lines(t, nodes) == 1 })
	b, err := os.ReadFile(nodes)
	if err != nil {
		t.Fatal(err)
	}
	if api := c.api("/v1/catalog/nodes"); strings.TrimSpace(string(b)) != api {
		t.Errorf("the handler was given\n%s\nand the API answers\n%s", b, api)
	}
	c.ask("kv", "put", "vip", "10.0.0.2")
	sees("null", "10.0.0.1", "10.0.0.2")

	var ws []watch.Status
	eventually(t, "the statuses", func() bool {
		ws = nil
		return json.Unmarshal([]byte(c.api("/v1/agent/watches")), &ws) == nil && len(ws) == 2 && ws[0].Runs == 3 && !ws[0].Running && !ws[1].Running
	})
	if ws[0].Type != "key" || ws[0].Key != "vip" || ws[0].Failed != 0 || ws[0].Output != fmt.Sprintf("index %d\n", ws[0].Index) || ws[1].Runs != 1 {
		t.Errorf("statuses %+v", ws)
	}
	if got := c.ask("status"); !regexp.MustCompile(`(?m)^key vip +/bin/sh -c cat.* 3 +0 .*index \d+$`).MatchString(got.out) {
		t.Errorf("status: %s%s", got.out, got.err)
	}
}

// TestWatchVerb holds what the verb prints, what its program is given, and how it ends.
func TestWatchVerb(t *testing.T) {
	t.Parallel()
	c := startAgent(t, `service { name = "web" tags = ["a"] port = 80 }`, "-dev", "-node", "n1")
	c.await(leadLine)
	eventually(t, "the service", func() bool {
		return regexp.MustCompile(`consul-version.*serfHealth`).MatchString(c.api("/v1/health/service/web?passing"))
	})
	c.ask("kv", "put", "a/b", "x")
	s := &session{t: t, addr: c.http}
	for _, args := range [][]string{
		{"-type", "key", "-key", "a/b"},
		{"-type=key", "-key=none"},
		{"-type", "keyprefix", "-prefix", "a/"},
		{"-type", "services"},
		{"-type", "service", "-service", "web", "-tag", "a", "-passingonly=true", "-filter", `Service.Port == 80`},
		{"-type", "checks", "-state", "critical"},
		{"-type", "event", "-name", "x"},
		{"-type", "key", "-key", "a/b", "-shell=false", "cat"},
		{"-type", "keys"},
		{"-type", "key"},
		{},
	} {
		if args = append([]string{"watch"}, args...); args[len(args)-1] == "cat" {
			args = append(args, "/does/not/exist")
		}
		s.run(args...)
	}
	golden(t, "session/watch", steady(s.b.String()))

	out := filepath.Join(t.TempDir(), "out")
	w := launch(t, "watch", "-http-addr", c.http, "-type", "key", "-key", "a/b", "cat", ">>", out)
	for i, v := range []string{"x", "y", "z"} {
		c.ask("kv", "put", "a/b", v)
		eventually(t, "the value "+v, func() bool { return len(watched(t, out)) > i })
	}
	if got := watched(t, out); !slices.Equal(got, []string{"x", "y", "z"}) {
		t.Errorf("the program was given %q", got)
	}
	w.signal(syscall.SIGTERM)
	w.ended()
}

// TestWatchOutlivesTheLeader holds that a watch at a follower sees a change that the next leader commits at once, and nothing twice.
func TestWatchOutlivesTheLeader(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	three := `server = true bootstrap_expect = 3 `
	agents := []*child{startAgent(t, three+`data_dir = "`+t.TempDir()+`"`, "-node", "n1")}
	var self struct{ Member struct{ Port int } }
	if err := json.Unmarshal([]byte(agents[0].api("/v1/agent/self")), &self); err != nil {
		t.Fatal(err)
	}
	handler := fmt.Sprintf(`retry_join = ["127.0.0.1:%d"] watches = [{ type = "key" key = "k" args = ["sh", "-c", "cat >> %s.$NODE"] }] `, self.Member.Port, out)
	for _, n := range []string{"n2", "n3"} {
		agents = append(agents, startAgent(t, three+`data_dir = "`+t.TempDir()+`" `+strings.ReplaceAll(handler, "$NODE", n), "-node", n))
	}
	put := func(c *child, v string) {
		t.Helper()
		eventually(t, "the write of "+v, func() bool { return c.ask("kv", "put", "k", v).code == 0 })
	}
	put(agents[0], "a")
	for _, n := range []string{"n2", "n3"} {
		eventually(t, n+" to see it", func() bool { got := watched(t, out+"."+n); return len(got) > 0 && got[len(got)-1] == "a" })
	}
	leader := -1
	eventually(t, "a leader", func() bool {
		leader = slices.IndexFunc(agents, func(c *child) bool {
			port := regexp.MustCompile(`"port":"(\d+)"`).FindStringSubmatch(c.api("/v1/agent/self"))
			return port != nil && strings.HasSuffix(c.api("/v1/status/leader"), ":"+port[1]+`"`)
		})
		return leader >= 0
	})
	follower, name := agents[2], "n3"
	if leader == 2 {
		follower, name = agents[1], "n2"
	}
	before := watched(t, out+"."+name)
	agents[leader].kill()
	put(follower, "b")
	began := time.Now()
	want := append(slices.Clip(before), "b")
	eventually(t, "the change", func() bool { return slices.Equal(watched(t, out+"."+name), want) })
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the handler ran %s after the write: it has slept", took)
	}
}
