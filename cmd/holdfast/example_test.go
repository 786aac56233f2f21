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
	"strings"
	"testing"
	"time"

	"holdfast/failover/lab"
)

// example is a directory of examples/ at work on a lab: three machines, n1 to n3, whose daemons read it.
type example struct {
	*lab.Lab

	t    *testing.T
	ctx  context.Context
	dir  string // of the example
	tmp  string
	more map[string][]string // flags of a machine, beside those that every one has
}

// onExample opens a lab and starts the daemons with an example's config, or with one of the test's own, whose path is absolute.
func onExample(t *testing.T, name string, o lab.Options, more map[string][]string, before func(*example)) *example {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*labLimit)
	t.Cleanup(cancel)
	l, err := lab.New(o)
	if err != nil {
		t.Fatal(err)
	}
	dir := name
	if !filepath.IsAbs(name) {
		if dir, err = filepath.Abs(filepath.Join("..", "..", "examples", name)); err != nil {
			t.Fatal(err)
		}
	}
	x := &example{Lab: l, t: t, ctx: ctx, dir: dir, tmp: t.TempDir(), more: more}
	t.Cleanup(func() {
		for _, m := range []string{"n1", "n2", "n3"} {
			if t.Failed() {
				b, _ := os.ReadFile(filepath.Join(x.tmp, m+".log"))
				t.Logf("--- log of %s\n%s", m, b)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Open(ctx); err != nil {
		t.Fatal(err)
	}
	if before != nil {
		before(x)
	}
	for _, m := range []string{"n1", "n2", "n3"} {
		x.startDaemon(m)
	}
	return x
}

func (x *example) startDaemon(m string) {
	x.t.Helper()
	self, err := os.Executable()
	if err != nil {
		x.t.Fatal(err)
	}
	addr := x.Machine(m).Addr().String()
	x.start(m, append([]string{self, "agent", "-config-dir", x.dir, "-node", m, "-bind", addr, "-data-dir", filepath.Join(x.tmp, m)}, x.more[m]...)...)
}

// start runs a program on a machine until the test ends. Its output goes to the machine's log.
func (x *example) start(m string, argv ...string) *lab.Process {
	x.t.Helper()
	log, err := os.OpenFile(filepath.Join(x.tmp, m+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		x.t.Fatal(err)
	}
	defer log.Close()
	p, err := x.Machine(m).Start(x.ctx, argv, lab.StartOptions{Env: append(os.Environ(), asHoldfast+"=1"), Stdout: log, Stderr: log})
	if err != nil {
		x.t.Fatalf("start %v on %s: %v", argv, m, err)
	}
	return p
}

// sh runs a command line on a machine to its end.
func (x *example) sh(m, line string) string {
	x.t.Helper()
	out := filepath.Join(x.tmp, m+".out")
	f, err := os.Create(out)
	if err != nil {
		x.t.Fatal(err)
	}
	defer f.Close()
	p, err := x.Machine(m).Start(x.ctx, []string{"sh", "-c", line}, lab.StartOptions{Env: os.Environ(), Stdout: f, Stderr: f})
	if err != nil {
		x.t.Fatal(err)
	}
	<-p.Done()
	b, _ := os.ReadFile(out) // what is there is shown
	return string(b)
}

// client is an HTTP client on a machine; every request makes a connection of its own.
func (x *example) client(m string) *http.Client {
	return &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return x.Machine(m).Dial(ctx, network, addr)
		},
	}}
}

// api asks the daemon of a machine.
func (x *example) api(m, method, path string, out any) error {
	req, err := http.NewRequestWithContext(x.ctx, method, "http://127.0.0.1:8500"+path, nil)
	if err != nil {
		return err
	}
	resp, err := x.client(m).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, b)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// holder waits until a machine serves the group, as that machine itself says, and answers its name.
func (x *example) holder(group string, among ...string) string {
	x.t.Helper()
	if len(among) == 0 {
		among = []string{"n1", "n2", "n3"}
	}
	found := ""
	x.eventually("somebody serves "+group, func() bool {
		for _, m := range among {
			var st struct {
				Holdings []struct{ Group, Phase string }
			}
			if x.Machine(m).Powered() && x.api(m, http.MethodGet, "/v1/failover/status", &st) == nil {
				for _, h := range st.Holdings {
					if h.Group == group && h.Phase == "serving" {
						found = m
					}
				}
			}
		}
		return found != ""
	})
	return found
}

// begins waits until a machine serves the group that is to, and has an operator move it there where another was ready before it.
func (x *example) begins(group, on string) {
	x.t.Helper()
	if now := x.holder(group); now != on {
		x.move(group, on)
		x.holder(group, on)
	}
}

// move has an operator move a group, once the other machine can hold it.
func (x *example) move(group, to string) {
	x.t.Helper()
	x.eventually(group+" moves to "+to, func() bool {
		return x.api("n3", http.MethodPut, "/v1/failover/group/"+group+"/move?to="+to, nil) == nil
	})
}

// slowly bounds an outage whose promise is a second or so, on a machine that is busy.
const slowly = 10 * time.Second

// eventually polls until ok holds.
func (x *example) eventually(what string, ok func() bool) {
	x.t.Helper()
	deadline := time.Now().Add(labLimit / 2)
	for !ok() {
		if time.Now().After(deadline) || x.ctx.Err() != nil {
			x.t.Fatalf("not in time: %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// told waits until the timeline has an entry with these words.
func (x *example) told(m string, words ...string) {
	x.t.Helper()
	var last []string
	for deadline := time.Now().Add(labLimit / 2); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		var entries []struct{ Kind, Why, Detail string }
		if x.api(m, http.MethodGet, "/v1/failover/timeline?limit=0", &entries) != nil {
			continue
		}
		last = nil
		for _, e := range entries {
			text, all := e.Kind+": "+e.Why+" "+e.Detail, true
			last = append(last, text)
			for _, w := range words {
				all = all && strings.Contains(text, w)
			}
			if all {
				return
			}
		}
	}
	x.t.Errorf("the timeline has no entry with %q:\n%s", words, strings.Join(last, "\n"))
}

// need skips a test whose program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("this test needs %s, which is not installed", p)
		}
	}
}

// other is the machine of the pair that is not m.
func other(m string) string {
	if m == "n1" {
		return "n2"
	}
	return "n1"
}
