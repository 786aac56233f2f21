//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/failover/lab"
	"holdfast/failover/lab/rootless"
)

// soundConfig is what each row of TestBadInput spoils. DIR is the row's own directory. Only errors are logged, so that standard error holds
// nothing but the sentence.
const soundConfig = `
node_name        = "n1"
server           = true
bootstrap_expect = 1
bind_addr        = "10.77.0.11"
data_dir         = "DIR/data"
log_level        = "error"
`

// badInput is one mistake that a user can make.
type badInput struct {
	name   string
	args   string            // of the program; DIR is the row's directory; "" runs the agent on DIR/n1.hcl
	config string            // n1.hcl, behind soundConfig
	files  map[string]string // below DIR, as they are
	before func(t *testing.T, b *bench)
	drop   []uintptr // capabilities that the program does not get
	want   []string  // what the sentence must say: what, where, what to do
}

// TestBadInput runs the real program on mistakes. Each is answered with one sentence on standard error and exit code 1, and changes
// nothing: no file, no address, and no other process.
func TestBadInput(t *testing.T) {
	able, err := rootless.Able()
	if err != nil {
		t.Fatal(err)
	}
	if !able {
		t.Skip("this test runs daemons in a network namespace: run it as root, with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW")
	}
	l, err := lab.New(lab.Options{Machines: []string{"n1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, row := range slices.Concat(badFiles(), badGroups(), badPlaces(), badCommands()) {
		t.Run(row.name, func(t *testing.T) {
			b := &bench{machine: l.Machine("n1"), dir: t.TempDir()}
			b.write(t, "n1.hcl", soundConfig+row.config)
			for name, text := range row.files {
				b.write(t, name, text)
			}
			if row.before != nil {
				row.before(t, b)
			}
			before := b.snapshot(t)
			row.check(t, b)
			after := b.snapshot(t)
			for end := time.Now().Add(settleLimit); b.names && !maps.Equal(before, after) && time.Now().Before(end); {
				after = b.snapshot(t) // a file that was being replaced
			}
			if !maps.Equal(before, after) {
				t.Errorf("it changed something:\nbefore %v\nafter  %v", before, after)
			}
		})
	}
}

// settleLimit is how long the files of a daemon that runs may take to be all there, and nothing besides.
const settleLimit = 30 * time.Second

// check runs the program and looks at what it says.
func (row *badInput) check(t *testing.T, b *bench) {
	t.Helper()
	args := row.args
	if args == "" {
		args = "agent -config-file DIR/n1.hcl"
	}
	var said bytes.Buffer
	p := b.start(t, row.drop, &said, strings.Fields(b.place(args))...)
	err := p.Wait()
	sentence := said.String()
	t.Logf("%s", sentence)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v: want exit code 1", err)
	}
	first, rest, _ := strings.Cut(sentence, "\n")
	usage := strings.HasPrefix(rest, "usage: ") && strings.Count(rest, "\n") == 1
	if !strings.HasPrefix(first, "holdfast ") || rest != "" && !usage {
		t.Errorf("standard error is %q: want one sentence that begins with the program's name, and no more than the usage behind it", sentence)
	}
	for _, w := range row.want {
		if w = b.place(w); !strings.Contains(sentence, w) {
			t.Errorf("the sentence does not say %q", w)
		}
	}
}

func badFiles() []badInput {
	return []badInput{
		{name: "unknown key", config: `data_dri = "x"`, want: []string{"DIR/n1.hcl", `"data_dri"`, "remove it or correct"}},
		{name: "unknown key in a block", config: `service { name = "web" prot = 80 }`, want: []string{"DIR/n1.hcl", "prot", "remove it or correct"}},
		{name: "unknown key, validated", args: "validate DIR/x.hcl", files: map[string]string{"x.hcl": `data_dri = "x"`}, want: []string{"DIR/x.hcl", `"data_dri"`}},
		{name: "broken HCL", config: `ports {`, want: []string{"DIR/n1.hcl", "not valid HCL"}},
		{name: "broken JSON", args: "agent -config-file DIR/x.json", files: map[string]string{"x.json": `{"server": tru}`}, want: []string{"DIR/x.json", "not valid JSON"}},
		{name: "wrong type", config: `ports { http = "many" }`, want: []string{"DIR/n1.hcl", "http"}},
		{name: "wrong duration", config: `retry_interval = "soon"`, want: []string{"DIR/n1.hcl", `"soon" is not a duration`, "10s"}},
		{name: "no such file", args: "agent -config-file DIR/none.hcl", want: []string{"DIR/none.hcl", "no such file"}},
		{name: "unknown format", args: "agent -config-file DIR/x.conf", files: map[string]string{"x.conf": ""}, want: []string{"DIR/x.conf", ".hcl or .json", "-config-format"}},
		{name: "unreadable file", drop: []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH}, before: forbid, want: []string{"DIR/n1.hcl", "permission denied"}},
		{name: "no data_dir", args: "agent -server -node n1 -bind 10.77.0.11", want: []string{"data_dir is not set", "-data-dir"}},
	}
}

func badGroups() []badInput {
	return []badInput{
		{name: "VIP outside every prefix", config: `group "web" { vip "192.0.2.7/24" {} }`, want: []string{`group "web"`, "192.0.2.0/24", "interface"}},
		{name: "interface that is not there", config: `group "web" { vip "10.77.0.100/24" { interface = "eth7" } }`, want: []string{`group "web"`, "eth7", "eth0"}},
		{name: "VIP of this machine", config: `group "web" { vip "10.77.0.11/24" {} }`, want: []string{"10.77.0.11", "choose another"}},
		{name: "VIP in two groups", config: "group \"a\" { vip \"10.77.0.100/24\" {} }\ngroup \"b\" { vip \"10.77.0.100/24\" {} }", want: []string{`"a"`, `"b"`, "10.77.0.100", "one group"}},
		{name: "VIP without a prefix", config: `group "web" { vip "10.77.0.100" {} }`, want: []string{`group "web"`, `"10.77.0.100"`, "/24"}},
		{name: "group without a VIP", config: `group "web" { service = "web" }`, want: []string{`group "web"`, "no vip", `vip "10.`}},
		{name: "no CAP_NET_ADMIN", config: `group "web" { vip "10.77.0.100/24" {} }`, drop: []uintptr{unix.CAP_NET_ADMIN}, want: []string{"CAP_NET_ADMIN", "root", "AmbientCapabilities"}},
		{name: "no CAP_NET_RAW", config: `group "web" { vip "10.77.0.100/24" {} }`, drop: []uintptr{unix.CAP_NET_RAW}, want: []string{"CAP_NET_RAW", "root"}},
	}
}

// badPlaces are ports and directories that belong to another.
func badPlaces() []badInput {
	return []badInput{
		{name: "http port in use", before: occupy("tcp", "127.0.0.1:8500"), want: []string{"http", "127.0.0.1:8500", "ports.http"}},
		{name: "dns port in use on udp", before: occupy("udp", "127.0.0.1:8600"), want: []string{"dns", "127.0.0.1:8600", "ports.dns"}},
		{name: "dns port in use on tcp", before: occupy("tcp", "127.0.0.1:8600"), want: []string{"dns", "127.0.0.1:8600", "ports.dns"}},
		{name: "data_dir of another node", args: "agent -config-file DIR/n1.hcl -node n9", before: lived, want: []string{"DIR/data", `"n1"`, `"n9"`, "data_dir"}},
		{name: "data_dir in use", config: `ports { http = 8510 dns = 8610 serf_lan = 8311 server = 8310 }`, before: lives, want: []string{"DIR/data", "another"}},
		{name: "data_dir that is a file", args: "agent -config-file DIR/n1.hcl -data-dir DIR/n1.hcl", want: []string{"data_dir", "DIR/n1.hcl"}},
		{
			name: "second bootstrap", config: `bind_addr = "127.0.0.2" client_addr = "127.0.0.2" retry_join = ["10.77.0.11:8301"]`,
			args: "agent -config-file DIR/n1.hcl -node n9 -data-dir DIR/n9", before: lives, want: []string{"bootstrap_expect", "10.77.0.11:8300", "remove"},
		},
	}
}

func badCommands() []badInput {
	return []badInput{
		{name: "unknown verb of group", args: "group aply x.hcl", want: []string{`"aply"`, "apply"}},
		{name: "unknown flag", args: "members -detialed", want: []string{"-detialed"}},
		{name: "unknown flag of agent", args: "agent -data-dri x", want: []string{"-data-dri"}},
		{name: "flag without its value", args: "agent -config-file", want: []string{"-config-file"}},
		{name: "flag of the wrong kind", args: "agent -http-port many", want: []string{"-http-port", "many"}},
		{name: "stray argument", args: "agent DIR/n1.hcl", want: []string{"DIR/n1.hcl", "-config-file"}},
		{name: "no daemon", args: "members", want: []string{"127.0.0.1:8500", "is it running"}},
		{name: "missing argument", args: "explain", want: []string{"name of a group"}},
		{name: "no such group file", args: "group apply DIR/none.hcl", want: []string{"DIR/none.hcl", "no such file"}},
		{name: "group file without a group", args: "group apply DIR/n1.hcl", want: []string{"DIR/n1.hcl", "no group block"}},
		{name: "broken group file", args: "group apply DIR/x.hcl", files: map[string]string{"x.hcl": `group {`}, want: []string{"DIR/x.hcl", "not valid HCL"}},
	}
}

// bench is where a row is tried out.
type bench struct {
	machine *lab.Machine
	dir     string
	names   bool // the files change by themselves: only their names count
}

// place puts the row's directory in.
func (b *bench) place(s string) string { return strings.ReplaceAll(s, "DIR", b.dir) }

func (b *bench) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(b.place(text)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start runs the program in the machine's network without some capabilities. It is killed with the test, and after a while.
func (b *bench) start(t *testing.T, drop []uintptr, stderr *bytes.Buffer, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*labLimit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), asHoldfast+"=1"), stderr
	err = b.machine.Do(func() error { // on a thread that ends with this function: what it gives up is given up for the program alone
		for _, c := range drop {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
				return fmt.Errorf("drop capability %d: %w", c, err)
			}
		}
		return cmd.Start()
	})
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// snapshot is what must not change: the files, and the machine's addresses.
func (b *bench) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if b.names && errors.Is(err, fs.ErrNotExist) {
			return nil // it was replaced meanwhile
		}
		if err != nil || d.IsDir() || b.names {
			all[path] = ""
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = b.machine.Do(func() error {
		addrs, err := net.InterfaceAddrs()
		all["addresses"] = fmt.Sprint(addrs)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forbid makes the config file unreadable.
func forbid(t *testing.T, b *bench) {
	t.Helper()
	if err := os.Chmod(filepath.Join(b.dir, "n1.hcl"), 0); err != nil {
		t.Fatal(err)
	}
}

// occupy takes an address before the program can.
func occupy(network, address string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) {
		t.Helper()
		var taken io.Closer
		var err error
		if network == "udp" {
			taken, err = b.machine.ListenPacket(t.Context(), network, address)
		} else {
			taken, err = b.machine.Listen(t.Context(), network, address)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = taken.Close() }) // the test is over
	}
}

// lives runs a daemon on the row's configuration, in its usual ports, until the end of the row, and sees that nobody disturbs it.
func lives(t *testing.T, b *bench) {
	t.Helper()
	b.names = true
	end := b.life(t)
	t.Cleanup(end)
	// A daemon that has just begun still writes down what it learns, its cluster's ID for one.
	now, alive := b.snapshot(t), 0
	for deadline := time.Now().Add(settleLimit); alive < 3; {
		if b.start(t, nil, &bytes.Buffer{}, "kv", "put", "alive", "yes").Wait() != nil || time.Now().After(deadline) {
			t.Fatal("the files of the other daemon do not come to rest")
		}
		if again := b.snapshot(t); maps.Equal(now, again) {
			alive++
		} else {
			now, alive = again, 0
		}
	}
}

// lived runs a daemon and kills it, so that its data_dir is left.
func lived(t *testing.T, b *bench) {
	t.Helper()
	b.life(t)()
}

// life starts a daemon and answers how to end it, which fails where it does not serve any more.
func (b *bench) life(t *testing.T) (end func()) {
	t.Helper()
	b.write(t, "other.hcl", soundConfig)
	var said bytes.Buffer
	p := b.start(t, nil, &said, "agent", "-config-file", filepath.Join(b.dir, "other.hcl"))
	serves := func() bool { return b.start(t, nil, &bytes.Buffer{}, "kv", "put", "alive", "yes").Wait() == nil }
	for deadline := time.Now().Add(settleLimit); !serves(); {
		if time.Now().After(deadline) {
			t.Fatal("the other daemon does not serve")
		}
	}
	return func() {
		if !serves() {
			t.Error("the other daemon does not serve any more")
		}
		_ = p.Process.Kill()
		_ = p.Wait() // killed
	}
}
