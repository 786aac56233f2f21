package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// consulFlags are the flags that Consul's verbs have, and that scripts may give.
var consulFlags = map[string]string{
	"members":                       "-detailed -status=alive -wan -segment=x -filter=x",
	"info":                          "",
	"join":                          "-wan",
	"leave":                         "",
	"force-leave":                   "-prune -wan",
	"reload":                        "",
	"monitor":                       "-log-level=debug -log-json",
	"maint":                         "-enable -disable -service=a -reason=b",
	"kv get":                        "-base64 -detailed -keys -recurse -separator=/",
	"kv put":                        "-acquire -base64 -cas -flags=3 -modify-index=1 -release -session=x",
	"kv delete":                     "-cas -modify-index=1 -recurse",
	"kv export":                     "",
	"kv import":                     "-prefix=x",
	"catalog nodes":                 "-detailed -near=x -node-meta=a=b -service=x -filter=x",
	"catalog services":              "-node=x -node-meta=a=b -tags",
	"catalog datacenters":           "",
	"services register":             "-address=x -id=x -kind=x -meta=a=b -name=x -port=1 -socket=x -tag=x -tagged-address=a=b:1",
	"services deregister":           "-id=x",
	"lock":                          "-child-exit-code -monitor-retry=3 -n=1 -name=x -pass-stdin -shell=false -timeout=1s -try=1s -verbose",
	"event":                         "-name=x -node=x -service=x -tag=x",
	"snapshot save":                 "-append-filename=dc",
	"snapshot restore":              "",
	"operator raft list-peers":      "-detailed",
	"operator raft remove-peer":     "-address=x -id=x",
	"operator raft transfer-leader": "-id=x",
	"operator autopilot get-config": "",
	"operator autopilot set-config": "-cleanup-dead-servers=true -disable-upgrade-migration=true -last-contact-threshold=1s -max-trailing-logs=1 -min-quorum=3 -redundancy-zone-tag=x -server-stabilization-time=1s -upgrade-version-tag=x",
	"operator autopilot state":      "-format=json",
	"operator usage instances":      "-all-datacenters -only-billable",
	"keyring":                       "-install=x -list -list-primary -local-only -relay-factor=1 -remove=x -use=x",
	"rtt":                           "-wan",
	"watch":                         "-type=key -key=x -prefix=x -service=x -tag=x -passingonly=true -state=any -name=x -shell=false -filter=x",
	"debug":                         "-archive=false -capture=agent -duration=10s -interval=5s -output=x -since=1s",
}

// clientFlags are those that all of them have.
const clientFlags = "-http-addr=x -token=x -token-file=x -datacenter=x -stale -ca-file=x -ca-path=x -client-cert=x -client-key=x -tls-server-name=x -namespace=x -partition=x"

// TestConsulFlags holds that every flag of Consul's is taken, written with one dash and with two. Those of agent have a test beside config.
func TestConsulFlags(t *testing.T) {
	alone := map[string]string{
		"snapshot inspect": "-format=json -kvdetails -kvdepth=1 -kvfilter=x",
		"validate":         "-config-format=hcl -quiet",
		"version":          "-format=json",
		"keygen":           "",
		"tls ca create":    "-days=9 -domain=x -name-constraint -additional-name-constraint=x -common-name=x -cluster-id=x",
		"tls cert create":  "-server -client -cli -ca=x -key=x -days=9 -dc=x -domain=x -node=x -additional-dnsname=x -additional-ipaddress=x",
	}
	check := func(name, flags string) {
		for _, dash := range []string{"-", "--"} {
			args := strings.Fields(name)
			for f := range strings.FieldsSeq(flags) {
				args = append(args, dash+strings.TrimPrefix(f, "-"))
			}
			if got := (terminal{}).run(t, append(args, "-h")...); got.code != 0 || got.err != "" {
				t.Errorf("%q: %+v", args, got)
			}
		}
	}
	for name, flags := range consulFlags {
		check(name, flags+" "+clientFlags)
	}
	for name, flags := range alone {
		check(name, flags)
	}
}

// TestConsulVerbs runs the verbs that Consul's users know against an agent in -dev, and holds what they print.
func TestConsulVerbs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "db.hcl")
	if err := os.WriteFile(file, []byte(`service {
  name = "db"
  port = 5432
  tags = ["primary"]
  meta { role = "a" }
  tagged_addresses { lan { address = "10.0.0.7" port = 5433 } }
  check { ttl = "1h" status = "passing" }
}
services = [{ id = "db-2", name = "db", address = "10.0.0.8", weights { passing = 3, warning = 1 } }]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startAgent(t, "", "-dev", "-node", "n1", "-node-meta", "rack:a", "-node-id", "40e4a748-2192-161a-0510-9bf59fe950b5", "-enable-script-checks")
	c.await(leadLine)
	eventually(t, "the catalog has the node with its metadata", func() bool {
		return strings.HasPrefix(c.ask("catalog", "nodes", "-filter", "Meta.rack==a").out, "Node")
	})
	s := &session{t: t, addr: c.http, name: "consul"}
	for line := range strings.SplitSeq(strings.TrimSpace(consulSession), "\n") {
		s.run(strings.Fields(strings.ReplaceAll(line, "DIR", dir))...)
		if strings.HasPrefix(line, "services ") {
			c.inCatalog("n1")
		}
	}
	got := strings.ReplaceAll(steady(s.b.String()), dir, "DIR")
	for pattern, word := range map[string]string{
		`(?m)^(CreateIndex|ModifyIndex) .*$`: "$1 N", `consul-version=[^\s,]+`: "consul-version=V", `(leader  true  3)  \d+`: "$1  N",
	} {
		got = regexp.MustCompile(pattern).ReplaceAllString(got, word)
	}
	golden(t, "session/consul", got)
	inform := &session{t: t, addr: c.http}
	inform.run("info")
	inform.run("info", "-format=json")
	golden(t, "session/info", regexp.MustCompile(`(?m)((?:arch|os|version|revision)"?(?: =|:) "?)[^"\n]*`).ReplaceAllString(
		regexp.MustCompile(`(?m)([=:] "?)\d+("?,?)$`).ReplaceAllString(steady(inform.b.String()), "${1}N${2}"), "${1}WORD"))
}

// inCatalog waits until the catalog has the services that the agent of a node has, and no others: a command that takes long is not waited for.
func (c *child) inCatalog(node string) {
	c.t.Helper()
	eventually(c.t, "the catalog has the services of "+node, func() bool {
		var here map[string]json.RawMessage
		var there struct{ Services map[string]json.RawMessage }
		if json.Unmarshal([]byte(c.api("/v1/agent/services")), &here) != nil || json.Unmarshal([]byte(c.api("/v1/catalog/node/"+node)), &there) != nil {
			return false
		}
		delete(there.Services, "consul") // the leader's word
		return slices.Equal(slices.Sorted(maps.Keys(here)), slices.Sorted(maps.Keys(there.Services)))
	})
}

// consulSession is what is typed, a line each.
const consulSession = `
members
members -detailed -filter Status==4
catalog datacenters
catalog nodes
catalog nodes -detailed
catalog nodes -node-meta=rack=b
catalog nodes -service=db
services register DIR/db.hcl
services register -name=web -id=web-1 -port=80 -tag=b -tag=a -meta=x=y -address=10.0.0.9 -tagged-address=wan=192.0.2.1:8080
catalog services
catalog services -tags
catalog services -node=n1
catalog services -node=nope
catalog services -format=json
catalog nodes -service=db -near=_agent
catalog nodes -filter Meta.rack==a
services deregister DIR/db.hcl
services deregister -id=web-1
services deregister -id=web-1
catalog services
kv put -flags=42 a/b one
kv get -detailed a/b
kv put /a/c two
kv get -recurse a/
kv get -recurse -detailed a/
kv get -recurse -base64 a/
kv get -keys a
kv get -keys -separator= a/
kv get -keys nope
kv get -recurse nope
kv get nope
kv put -cas -modify-index=0 a/b x
kv put -cas -modify-index=0 a/d x
kv put -base64 a/e aGVsbG8=
kv get a/e
kv put -acquire -session=00000000-0000-0000-0000-000000000000 a/x y
kv put -release -session=00000000-0000-0000-0000-000000000000 a/x y
kv export a/
kv export nope
kv delete -cas -modify-index=1 a/b
kv delete nope
kv delete -recurse a/
kv import [{"key":"i/a","flags":3,"value":"aGk="}]
kv import -prefix=copy [{"key":"i/a","flags":3,"value":"aGk="}]
kv export
kv import [{"key":"bad","flags":0,"value":"!!"}]
event -name=deploy
event -name=deploy -node=n -service=web -tag=v 1.4.2
event -name=deploy -format=json
maint
maint -enable -reason=because
maint
maint -disable
maint -service=nope -enable
reload
force-leave nope
force-leave -prune nope
lock -shell=false jobs/a echo held
lock jobs/a echo $CONSUL_LOCK_HELD
lock -verbose -n 2 jobs/b echo seat
lock jobs/c exit 7
lock -child-exit-code jobs/c exit 7
lock -shell=false jobs/d /no/such/program
lock -child-exit-code -shell=false jobs/d /no/such/program
members -segment=alpha
kv get -keys jobs/
monitor -log-level=nope
operator raft list-peers
operator usage instances
operator usage instances -only-connect
operator usage instances -only-billable -all-datacenters
operator usage instances -only-billable -only-connect
version -format=xml
`

// TestLockVerb holds that one program runs at a time, and that it is ended when its lock is lost.
func TestLockVerb(t *testing.T) {
	t.Parallel()
	c := startAgent(t, "", "-dev", "-node", "n1")
	c.await(leadLine)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) (*exec.Cmd, *syncBuffer) {
		cmd, out := exec.CommandContext(t.Context(), self, append([]string{"lock", "-http-addr", c.http}, args...)...), &syncBuffer{}
		cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), asHoldfast+"=1"), out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}
	code := func(cmd *exec.Cmd) int {
		_ = cmd.Wait() // ProcessState tells
		return cmd.ProcessState.ExitCode()
	}
	for _, n := range []string{"1", "2"} {
		t.Run("n="+n, func(t *testing.T) {
			prefix := "jobs/" + n
			var holders []*exec.Cmd
			var said []*syncBuffer
			for range n[0] - '0' {
				cmd, out := start("-n", n, prefix, "echo up; trap 'echo told; exit' TERM; sleep 60 & wait $!")
				eventually(t, "the program runs", func() bool { return strings.Contains(out.String(), "up") })
				holders, said = append(holders, cmd), append(said, out)
			}
			if late, out := start("-timeout=200ms", "-n", n, prefix, "echo never"); code(late) != 1 || !strings.Contains(out.String(), "was not acquired within 200ms") {
				t.Errorf("while it is taken: %s", out)
			}
			if other, out := start("-timeout=5s", "-n", "3", prefix, "echo never"); code(other) != 1 || strings.Contains(out.String(), "never\n") {
				t.Errorf("another -n: %s", out)
			}
			next, out := start("-n", n, prefix, "echo my turn")
			// Whoever breaks the lock ends the program, and the next one has its turn when the lock delay is over.
			if got := c.ask("kv", "delete", "-recurse", prefix); got.code != 0 {
				t.Fatal(got)
			}
			for i, cmd := range holders {
				if got := code(cmd); got != 1 || !strings.Contains(said[i].String(), "told") || !strings.Contains(said[i].String(), "is lost, and the program was ended") {
					t.Errorf("after its lock was lost it ended with %d: %s", got, said[i])
				}
			}
			if got := code(next); got != 0 || out.String() != "my turn\n" {
				t.Errorf("the next one: %d, %s", got, out)
			}
		})
	}
	if got := c.ask("kv", "get", "-keys", "jobs/"); got.out != "" {
		t.Errorf("left behind: %s", got.out)
	}
}

// TestMonitorVerb listens to the log until it is told to stop.
func TestMonitorVerb(t *testing.T) {
	t.Parallel()
	c := startAgent(t, "", "-dev", "-node", "n1")
	c.await(leadLine)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := &syncBuffer{}
	cmd := exec.CommandContext(t.Context(), self, "monitor", "-http-addr", c.http, "-log-json", "-log-level=debug")
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), asHoldfast+"=1"), out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a line of the log", func() bool {
		return c.ask("reload").code == 0 && strings.Contains(out.String(), `"msg":"the configuration is reloaded"`)
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, out)
	}
}

// TestDebugVerb records a bundle and looks into it.
func TestDebugVerb(t *testing.T) {
	t.Parallel()
	c := startAgent(t, "enable_debug = true", "-dev", "-node", "n1")
	c.await(leadLine)
	name := filepath.Join(t.TempDir(), "bundle")
	got := c.ask("debug", "-duration=10s", "-interval=5s", "-output", name)
	if got.code != 0 || got.err != "" || !strings.Contains(got.out, "Saved debug archive: "+name+".tar.gz\n") {
		t.Fatal(got)
	}
	b, err := os.ReadFile(name + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Size == 0 && h.Name != "bundle/holdfast.log" {
			t.Errorf("%s is empty", h.Name)
		}
		files = append(files, regexp.MustCompile(`\d\d-\d\d-\d\d`).ReplaceAllString(h.Name, "TIME"))
	}
	slices.Sort(files)
	golden(t, "session/debug", strings.ReplaceAll(steady(got.out), name, "FILE")+strings.Join(slices.Compact(files), "\n")+"\n")
	for _, want := range []string{"agent.json", "host.json", "members.json", "raft.json", "nodes.json", "failover.json", "holdfast.log", "TIME/metrics.json", "TIME/heap.prof", "TIME/goroutine.prof", "TIME/profile.prof"} {
		if !slices.Contains(files, "bundle/"+want) {
			t.Errorf("the bundle has no %s: %q", want, files)
		}
	}
}
