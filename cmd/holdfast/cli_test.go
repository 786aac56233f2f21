package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/cmd/holdfast/stage"
)

// What differs from run to run, and the word that stands for it in the golden files.
var variable = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "TIME"},
	{regexp.MustCompile(`\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}`), "TIME"},
	{regexp.MustCompile(`\b(\d+h)?(\d+m)?\d+(\.\d+)?(s|ms|µs|ns)( ago)?\b`), "DURATION"},
	{regexp.MustCompile(`[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`(Cluster: +|cluster=|"Cluster": ")[^ ",\n]+`), "${1}ID"}, // none or unnamed, in the first moments
	{regexp.MustCompile(`"(Create|Modify)?Index": \d+`), `"${1}Index": N`},
	{regexp.MustCompile(`commands=[0-9+-]+`), "commands=NUMBERS"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`port=\d+`), "port=PORT"},
	{regexp.MustCompile(`build=1\.21\.4:[^,]*`), "build=1.21.4:REVISION"},
	{regexp.MustCompile(`ebpf/tcx|ebpf/clsact|nftables`), "DRIVER"},
	{regexp.MustCompile(`  +`), "  "},
}

func steady(s string) string {
	for _, v := range variable {
		s = v.pattern.ReplaceAllString(s, v.word)
	}
	return s
}

// session runs command lines against one agent, and prints them as a person would see them.
type session struct {
	t    *testing.T
	addr string
	name string // that the program is called as
	b    strings.Builder
}

func (s *session) run(args ...string) said {
	s.t.Helper()
	got := terminal{env: map[string]string{"HOLDFAST_HTTP_ADDR": s.addr}, name: s.name}.run(s.t, args...)
	s.b.WriteString("$ " + cmp.Or(s.name, "holdfast") + " " + strings.Join(args, " ") + "\n" + got.out + got.err)
	if got.code != 0 {
		s.b.WriteString("exit code " + string(rune('0'+got.code)) + "\n")
	}
	s.b.WriteString("\n")
	return got
}

// TestVerbsOnOneAgent runs the verbs that need no network against an agent in -dev.
func TestVerbsOnOneAgent(t *testing.T) {
	t.Parallel()
	c := startAgent(t, "", "-dev", "-node", "n1")
	c.await(leadLine)
	value := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(value, []byte("of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, addr: c.http}
	s.run("members")
	s.run("members", "-wan")
	s.run("members", "-status", "failed|left")
	s.run("members", "-detailed")
	s.run("kv", "get", "a/b")
	s.run("kv", "put", "a/b", "one two")
	s.run("kv", "get", "a/b")
	s.run("kv", "put", "a/c", "-5", "-token=x")
	s.run("kv", "get", "a/c")
	s.run("kv", "put", "a/ %/ü", "--", "-token")
	s.run("kv", "get", "a/ %/ü")
	s.run("kv", "put", "a/empty")
	s.run("kv", "get", "a/empty")
	s.run("kv", "delete", "a/b")
	s.run("kv", "get", "a/b")
	s.run("kv", "delete", "a/", "-recurse")
	s.run("kv", "get", "a/c")
	s.run("kv", "put", "f", "@"+value)
	s.run("kv", "get", "f")
	s.run("join", strings.TrimPrefix(c.http, "http://"))
	s.run("group", "list")
	s.run("group", "plan")
	s.run("group", "show", "none")
	s.run("explain", "none")
	s.run("timeline", "none")
	got := strings.ReplaceAll(steady(s.b.String()), value, "FILE")
	golden(t, "session/one_agent", got)

	in := terminal{env: map[string]string{"HOLDFAST_HTTP_ADDR": c.http}, in: "of standard input\n"}
	if put := in.run(t, "kv", "put", "in", "-"); put.code != 0 || c.ask("kv", "get", "in").out != "of standard input\n\n" {
		t.Errorf("kv put in -: %+v, then %+v", put, c.ask("kv", "get", "in"))
	}
	if left := c.ask("leave"); left.code != 0 || left.out != "Graceful leave complete\n" {
		t.Errorf("leave: %+v", left)
	}
	if code := c.ended(); code != 0 || len(c.tmp()) > 0 {
		t.Errorf("after leave: exit code %d, left behind %q", code, c.tmp())
	}
}

// TestVerbsOnAMachine runs the verbs of failover against an agent that carries addresses, on a machine of the lab's.
func TestVerbsOnAMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("a machine of the lab's is no unit test")
	}
	dir := t.TempDir()
	sock := filepath.Join(dir, "h.sock")
	st := onStage(t, stage.Options{Machines: []string{"n1"}, Extra: `addresses { http = "127.0.0.1 unix://` + sock + `" }`})
	ctx := t.Context()
	if _, _, err := st.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "db.hcl")
	if err := os.WriteFile(file, []byte(`group "db" {
  vip "10.77.0.101/24" {}
  vip "fd77::101/64" { interface = "eth0" }
  prefer = ["n2", "n1"]
  on_acquire { args = ["echo", "mine"]  timeout = "2s" }
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, addr: "unix://" + sock}
	serving := func(group string) {
		t.Helper()
		eventually(t, group+" is served", func() bool {
			return strings.Contains(terminal{env: map[string]string{"HOLDFAST_HTTP_ADDR": s.addr}}.run(t, "status").out, "n1 is serving "+group)
		})
	}
	serving("web")
	s.run("group", "plan", file)
	s.run("group", "apply", file)
	serving("db")
	eventually(t, "all is told, the hook included", func() bool {
		got := terminal{env: map[string]string{"HOLDFAST_HTTP_ADDR": s.addr}}.run(t, "timeline", "db").out
		return strings.Contains(got, " acquire ") && strings.Contains(got, " announce ") && strings.Contains(got, "on_acquire")
	})
	for _, args := range [][]string{
		{"group", "list"},
		{"group", "show", "db"},
		{"group", "show", "-format=json", "web"},
		{"group", "plan"},
		{"group", "plan", "-format", "json"},
		{"group", "move", "db", "n1", "-token", "x"},
		{"group", "move", "db", "n2"},
		{"group", "move", "none", "n1"},
		{"group", "move", "web", "n1", "-in", "1h"},
		{"group", "show", "web"},
		{"group", "plan"},
		{"group", "move", "web", "-cancel"},
		{"group", "move", "web", "-cancel"},
		{"group", "move", "-cancel", "web", "n1"},
		{"group", "move", "web", "n1", "-in", "200h"},
		{"group", "move", "web", "n1", "-in", "-1s"},
		{"status"},
		{"explain", "db"},
		{"timeline", "db", "-n", "1"},
		{"group", "delete", "db"},
		{"group", "show", "db"},
	} {
		s.run(args...)
	}
	got := strings.ReplaceAll(steady(s.b.String()), file, "FILE")
	got = regexp.MustCompile(`(?m)^(.*  hook  .*\n)(.*  announce  .*\n)`).ReplaceAllString(got, "$2$1") // neither waits for the other
	golden(t, "session/machine", got)

	for _, args := range [][]string{{"group", "list"}, {"status"}, {"explain", "web"}, {"timeline"}, {"members"}} {
		got := s.run(append(args, "-format=json")...)
		if got.code != 0 || !json.Valid([]byte(got.out)) || !strings.Contains(got.out, "n1") {
			t.Errorf("%q in JSON: %+v", args, got)
		}
	}
}
