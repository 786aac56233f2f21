package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/cmd/holdfast/verb"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares what was printed with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with go test -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; with go test -update it is written anew\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// said is what a command line has printed, and its exit code.
type said struct {
	out, err string
	code     int
}

// terminal runs command lines in this process.
type terminal struct {
	env  map[string]string
	in   string
	name string
}

func (x terminal) run(t *testing.T, args ...string) said {
	t.Helper()
	var out, errs bytes.Buffer
	c := &verb.Console{In: strings.NewReader(x.in), Out: &out, Err: &errs, Env: func(k string) string { return x.env[k] }, Name: x.name}
	code := verb.Run(context.WithoutCancel(t.Context()), c, verbs(), args)
	return said{out.String(), errs.String(), code}
}

// everyVerb is the verbs and their sub-verbs, however deep.
func everyVerb() []verb.Verb { return withSubs(verbs()) }

func withSubs(of []verb.Verb) (out []verb.Verb) {
	for _, v := range of {
		out = append(append(out, v), withSubs(v.Subs)...)
	}
	return out
}

func TestHelp(t *testing.T) {
	var x terminal
	top := x.run(t, "help")
	golden(t, "help/holdfast", top.out)
	for _, flag := range []string{"-h", "-help", "--help"} {
		if got := x.run(t, flag); got != top {
			t.Errorf("holdfast %s prints something else than holdfast help", flag)
		}
	}
	for _, v := range everyVerb() {
		t.Run(v.Name, func(t *testing.T) {
			words := strings.Fields(v.Name)
			got := x.run(t, append(words, "-h")...)
			if got.code != 0 || got.err != "" {
				t.Errorf("code %d, stderr %q; want 0 and nothing", got.code, got.err)
			}
			if v.Name == "demo" { // its list of faults grows
				if !strings.HasPrefix(got.out, "usage: holdfast demo [flags]\n") {
					t.Errorf("got %s", got.out)
				}
			} else {
				golden(t, "help/"+strings.ReplaceAll(v.Name, " ", "_"), got.out)
			}
			if other := x.run(t, append([]string{"help"}, words...)...); other != got {
				t.Errorf("holdfast help %s prints something else than -h:\n%s", v.Name, other.out)
			}
			if teaches := strings.Contains(got.out, "\n    holdfast "+v.Name); !teaches && v.Run != nil && !v.Hidden && !v.Absent {
				t.Error("there is no example")
			}
			for line := range strings.Lines(got.out) {
				if n := len([]rune(line)); n > 101 {
					t.Errorf("a line has %d characters: %s", n, line)
				}
			}
		})
	}
}

// TestMistakes holds the exit codes, and that a mistake is a sentence with the verb's usage line on standard error.
func TestMistakes(t *testing.T) {
	const nobody = "-http-addr=127.0.0.1:1" // nothing listens there
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", 127, "usage: holdfast VERB"},
		{"nope", 127, "holdfast: there is no verb \"nope\"; `holdfast help` lists them\n"},
		{"help nope", 127, "holdfast: there is no verb \"nope\"; `holdfast help` lists them\n"},
		{"kv", 1, "usage: holdfast kv get|put|delete|export|import\n"},
		{"kv nope", 1, "holdfast kv: there is no \"nope\"; there are get, put, delete, export, import\nusage: holdfast kv get|put|delete|export|import\n"},
		{"group nope", 1, "holdfast group: there is no \"nope\"; there are apply, plan, list, show, move, delete\n"},
		{"group move a", 1, "holdfast group move: want the name of a group and the name of a machine, not [\"a\"]\nusage: holdfast group move [flags] GROUP [NODE]\n"},
		{"group show", 1, "holdfast group show: want the name of a group\nusage: holdfast group show [flags] GROUP\n"},
		{"group list a", 1, "holdfast group list: want no arguments, not [\"a\"]\n"},
		{"group plan a b", 1, "want one file, or none"},
		{"group apply", 1, "want one file with group blocks"},
		{"group apply /no/such/file.hcl", 1, "cannot read the groups: open /no/such/file.hcl: no such file or directory"},
		{"group delete", 1, "want the name of a group"},
		{"explain", 1, "want the name of a group"},
		{"snapshot", 1, "usage: holdfast snapshot save|restore|inspect|decode\n"},
		{"snapshot save", 1, "want the name of one file"},
		{"snapshot restore a b", 1, "want the name of one file, not [\"a\" \"b\"]"},
		{"snapshot decode", 1, "want the name of one file"},
		{"snapshot decode /no/such/file", 1, "cannot read the snapshot: open /no/such/file"},
		{"services nope", 1, "holdfast services: there is no \"nope\"; there are register, deregister\n"},
		{"services export -name=web", 1, "holdfast services export: this verb of Consul's is not offered: clusters do not peer here"},
		{"snapshot inspect /no/such/file", 1, "cannot read the snapshot: open /no/such/file"},
		{"operator raft", 1, "usage: holdfast operator raft list-peers|remove-peer|transfer-leader\n"},
		{"operator raft nope", 1, "holdfast operator raft: there is no \"nope\"; there are list-peers, remove-peer, transfer-leader\n"},
		{"operator raft remove-peer", 1, "want -id or -address of one server"},
		{"operator raft remove-peer -id=a -address=b", 1, "want -id or -address of one server"},
		{"operator autopilot set-config -min-quorum=x", 1, "invalid value \"x\" for flag -min-quorum: want a number"},
		{"operator autopilot set-config -last-contact-threshold=x", 1, "want a duration such as 10s"},
		{"keyring", 1, "want one of -list, -list-primary, -install, -use and -remove"},
		{"keyring -list -use=a", 1, "want one of -list"},
		{"keyring -use=a -local-only", 1, "-local-only goes with -list"},
		{"timeline a b", 1, "want the name of one group, or none for all"},
		{"timeline -n x", 1, "invalid value \"x\" for flag -n"},
		{"status x", 1, "want no arguments"},
		{"members -nope", 1, "holdfast members: flag provided but not defined: -nope\nusage: holdfast members [flags]\n"},
		{"members -format xml", 1, "invalid value \"xml\" for flag -format: want pretty or json"},
		{"members -status (", 1, "-status \"(\" is not a regular expression"},
		{"join", 1, "want the address of at least one member"},
		{"leave now", 1, "want no arguments"},
		{"keygen now", 1, "want no arguments"},
		{"version now", 1, "want no arguments"},
		{"agent now", 1, "want no arguments (config files are given with -config-file), not [\"now\"]"},
		{"agent -http-port=x", 1, "invalid value \"x\" for flag -http-port: want a number"},
		{"validate", 1, "want at least one config file or directory"},
		{"kv get", 1, "want one key"},
		{"kv put a b c", 1, "want a key and a value"},
		{"kv put -cas a b", 1, "want -modify-index with -cas"},
		{"kv put -acquire a b", 1, "want -session with -acquire and -release"},
		{"kv put -acquire -release -session=x a b", 1, "-acquire and -release contradict each other"},
		{"kv put -base64 a !!", 1, "cannot base 64 decode data: illegal base64 data at input byte 0"},
		{"kv delete", 1, "want one key"},
		{"kv delete -recurse -cas a", 1, "-cas and -recurse do not go together"},
		{"kv delete -cas a", 1, "want -modify-index with -cas"},
		{"kv import", 1, "want the data: JSON, @FILE or -"},
		{"kv import [{]", 1, "this is not what kv export prints: invalid character"},
		{`kv import [{"value":"aGk="}]`, 1, "an entry has no key"},
		{"kv import @/no/such/file", 1, "cannot read the keys: open /no/such/file"},
		{"event", 1, "want -name"},
		{"event -name=x -tag=a", 1, "want -service with -tag"},
		{"event -name=x -node=(", 1, "invalid value \"(\" for flag -node: not a regular expression"},
		{"maint -enable -disable", 1, "-enable and -disable contradict each other"},
		{"maint -reason=x", 1, "-reason goes with -enable"},
		{"maint -service=x", 1, "-service wants -enable or -disable"},
		{"force-leave", 1, "want the name of one member"},
		{"reload now", 1, "want no arguments"},
		{"services register", 1, "want files, or at least -name"},
		{"services register -name=a x.hcl", 1, "not both"},
		{"services register /no/such/file.hcl", 1, "cannot read the services: open /no/such/file.hcl"},
		{"services register -name=a -tagged-address=x", 1, "want NAME=ADDRESS:PORT"},
		{"services register -name=a -meta=x", 1, "want KEY=VALUE"},
		{"services deregister", 1, "want files, or -id"},
		{"lock", 1, "want a prefix of keys, and a program to run"},
		{"lock a", 1, "want a prefix of keys, and a program to run, not [\"a\"]"},
		{"lock -n=0 a b", 1, "-n must be at least 1"},
		{"debug -duration=1s", 1, "-duration 1s is too short: want at least 10s"},
		{"debug -capture=all", 1, "there is nothing called \"all\" to capture"},
		{"acl bootstrap", 1, "holdfast acl: this verb of Consul's is not offered: Holdfast does not check tokens yet"},
		{"tls ca create -days=0", 1, "holdfast tls ca create: -days must be at least 1\nusage: holdfast tls ca create [flags]\n"},
		{"tls ca create -domain=a/b", 1, "-domain \"a/b\" is no domain"},
		{"tls ca create -additional-name-constraint=x", 1, "-additional-name-constraint goes with -name-constraint"},
		{"tls cert create", 1, "want one of -server, -client and -cli\n"},
		{"tls cert create -server -client", 1, "want one of -server, -client and -cli\n"},
		{"tls cert create -client -node=n1", 1, "-node goes with -server"},
		{"tls cert create -server -additional-ipaddress=x", 1, "-additional-ipaddress \"x\" is not an IP address"},
		{"tls cert create -server", 1, "cannot read the authority's certificate: open consul-agent-ca.pem: no such file or directory; make one with `holdfast tls ca create`"},
		{"kv put a @/no/such/file " + nobody, 1, "cannot read the value: open /no/such/file"},
		{"members -token-file /no/such/file", 1, "cannot read the token file: open /no/such/file"},
		{"kv get a " + nobody, 1, "holdfast kv get: cannot reach the agent at 127.0.0.1:1: connection refused; is it running, and is -http-addr right?\n"},
		{"status -http-addr unix:///no/such/socket", 1, "cannot reach the agent at unix:///no/such/socket: no such file or directory; is it running"},
		{"status -http-addr %zz", 1, "the address %zz cannot be used: want host:port, http://host:port or unix:///path"},
		{"join a " + nobody, 1, "a was not joined: cannot reach the agent"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			got := terminal{}.run(t, strings.Fields(tt.args)...)
			if got.code != tt.code || got.out != "" || !strings.Contains(got.err, tt.want) {
				t.Errorf("code %d, stdout %q, stderr %q; want %d and %q", got.code, got.out, got.err, tt.code, tt.want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for _, tt := range []struct{ name, args, want string }{
		{"holdfast", "version", "^Holdfast v" + version + "\nRevision "},
		{"holdfast", "-v", "^Holdfast v" + version + "\n"},
		{"holdfast", "--version", "^Holdfast v" + version + "\n"},
		{"consul", "version", "^Consul v1\\.21\\.4\nRevision .*\nBuild Date .*\n"},
		{"consul", "--version", "^Consul v1\\.21\\.4\n"},
		{"consul", "version -format=json", `^{\n    "Version": "1\.21\.4",\n    "Revision": ".*",\n    "Prerelease": "",\n    "BuildDate": "\d{4}-.*Z",\n    "Holdfast": "` + version + `"\n}\n$`},
		{"holdfast", "version -format json", `^{\n    "Version": "` + version + `",`},
	} {
		got := terminal{name: tt.name}.run(t, strings.Fields(tt.args)...)
		if got.code != 0 || got.err != "" || !regexp.MustCompile(tt.want).MatchString(got.out) {
			t.Errorf("%s %s: code %d, stdout %q, stderr %q; want %s", tt.name, tt.args, got.code, got.out, got.err, tt.want)
		}
	}
}

// TestCalledAsConsul holds that a link of that name is enough.
func TestCalledAsConsul(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "consul")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), link, "version")
	cmd.Env = append(os.Environ(), asHoldfast+"=1")
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), "Consul v"+compatVersion+"\n") {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestKeygen(t *testing.T) {
	a, b := terminal{}.run(t, "keygen"), terminal{}.run(t, "keygen")
	if a == b || !regexp.MustCompile(`^[A-Za-z0-9+/]{43}=\n$`).MatchString(a.out) {
		t.Errorf("keys %q and %q", a.out, b.out)
	}
}

func TestValidate(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.hcl", `data_dir = "/x" bind_addr = "127.0.0.1"`)
	warned := file("warned.hcl", `data_dir = "/x" bind_addr = "127.0.0.1" ui = true`)
	bad := file("bad.hcl", `data_dir = "/x" nope = 1`)
	for _, tt := range []struct {
		args []string
		want said
	}{
		{[]string{good}, said{"Configuration is valid!\n", "", 0}},
		{[]string{good, "-quiet"}, said{"", "", 0}},
		{[]string{warned}, said{"Configuration is valid!\n", "warning: config file " + warned + ": the key \"ui\" has no effect: there is no web interface yet\n", 0}},
		{[]string{bad}, said{"", "holdfast validate: config file " + bad + ": unknown key \"nope\"; remove it or correct its spelling\n", 1}},
		{[]string{file("none.hcl", `bind_addr = "127.0.0.1"`)}, said{"", "holdfast validate: data_dir is not set: give data_dir in a config file, or -data-dir\n", 1}},
		{[]string{"-config-format=json", file("as.txt", `{"data_dir": "/x", "bind_addr": "127.0.0.1"}`)}, said{"Configuration is valid!\n", "", 0}},
	} {
		if got := (terminal{}).run(t, append([]string{"validate"}, tt.args...)...); got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.args, got, tt.want)
		}
	}
}
