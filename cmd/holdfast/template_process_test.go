package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// renderer is a process of the verb template: it renders the key title into the file out, and runs a program that logs what happens to it.
type renderer struct {
	*child
	agent               *child
	config, out, events string
}

// startRenderer starts one with more lines of config, and flags.
func startRenderer(t *testing.T, a *child, more string, args ...string) *renderer {
	t.Helper()
	dir := t.TempDir()
	r := &renderer{agent: a, config: filepath.Join(dir, "ct.hcl"), out: filepath.Join(dir, "out"), events: filepath.Join(dir, "events")}
	r.configure(t, `{{key "title"}}`, more)
	r.child = launch(t, append([]string{"template", "-config", r.config, "-log-level", "info"}, args...)...)
	t.Cleanup(func() { // so that its program ends, too
		_ = r.cmd.Process.Signal(syscall.SIGINT) // it may have ended
		select {
		case <-r.done:
		case <-time.After(5 * time.Second):
		}
	})
	return r
}

func (r *renderer) configure(t *testing.T, contents, more string) {
	t.Helper()
	text := fmt.Sprintf("consul { address = %q }\ntemplate { contents = %q destination = %q }\n%s", r.agent.http, contents, r.out, strings.ReplaceAll(more, "EVENTS", r.events))
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// program is an exec block.
func program(name, settings string) string {
	return fmt.Sprintf(`exec { command = ["/bin/sh", "-c", "for s in HUP USR1 USR2 INT TERM; do trap \"echo %[1]s $s >>EVENTS\" $s; done; trap 'echo %[1]s TERM >>EVENTS; exit 9' TERM; echo %[1]s up >>EVENTS; while kill -0 $PPID; do sleep 0.01; done"] %[2]s }`, name, settings)
}

// TestTemplateExec holds when the program begins, what it is told, and how both end.
func TestTemplateExec(t *testing.T) {
	t.Parallel()
	a := startAgent(t, "", "-dev", "-node", "n1")
	a.await(leadLine)
	settings := `reload_signal = "SIGUSR1" kill_signal = "SIGUSR2" kill_timeout = "2s"`
	pid := filepath.Join(t.TempDir(), "pid")
	r := startRenderer(t, a, program("a", settings), "-pid-file", pid)
	eventually(t, "its number", func() bool {
		b, _ := os.ReadFile(pid)
		return string(b) == strconv.Itoa(r.cmd.Process.Pid)
	})
	if _, err := os.Stat(r.events); err == nil {
		t.Error("the program runs before everything is rendered")
	}
	a.ask("kv", "put", "title", "one")
	fileSays(t, r.events, "a up\n")
	fileSays(t, r.out, "one")
	a.ask("kv", "put", "title", "two")
	fileSays(t, r.events, "a up\na USR1\n")

	// A reload with a mistake in it changes nothing. One of a template alone lets the program run on, one of the program begins another.
	r.configure(t, `{{nope}}`, program("b", settings))
	r.signal(syscall.SIGHUP)
	r.await(regexp.MustCompile(`the configuration is not taken.*nope`))
	r.configure(t, `now {{key "title"}}`, program("a", settings))
	r.signal(syscall.SIGHUP)
	fileSays(t, r.out, "now two")
	fileSays(t, r.events, "a up\na USR1\na USR1\n")
	r.configure(t, `now {{key "title"}}`, program("b", ""))
	r.signal(syscall.SIGHUP)
	fileSays(t, r.events, "a up\na USR1\na USR1\na USR2\nb up\n")

	// Other signals are the program's; its end is the end of all.
	r.signal(syscall.SIGTERM)
	if code := r.ended(); code != 9 {
		t.Errorf("the exit code is %d, and the program's is 9", code)
	}
	fileSays(t, r.events, "a up\na USR1\na USR1\na USR2\nb up\nb TERM\n")
	if _, err := os.Stat(pid); err == nil {
		t.Error("the pid file is left")
	}
}

// TestTemplateEnds holds the exit codes, and that the program goes with its parent.
func TestTemplateEnds(t *testing.T) {
	t.Parallel()
	a := startAgent(t, "", "-dev", "-node", "n1")
	a.await(leadLine)
	a.ask("kv", "put", "title", "one")
	r := startRenderer(t, a, program("a", `kill_signal = "SIGTERM"`))
	fileSays(t, r.events, "a up\n")
	r.signal(syscall.SIGINT)
	if code := r.ended(); code != 12 {
		t.Errorf("SIGINT: %d", code)
	}
	fileSays(t, r.events, "a up\na TERM\n")

	r = startRenderer(t, a, `kill_signal = "SIGUSR2" reload_signal = ""`)
	fileSays(t, r.out, "one")
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGUSR2)
	if code := r.ended(); code != 12 {
		t.Errorf("kill_signal: %d", code)
	}
	for name, tt := range map[string]struct {
		more string
		args []string
		code int
	}{
		"the program fails":      {more: `exec { command = "exit 7" }`, code: 7},
		"with -once":             {more: `exec { command = "exit 6" }`, args: []string{"-once"}, code: 6},
		"-exec":                  {args: []string{"-exec", "exit 5"}, code: 5},
		"no such program":        {args: []string{"-exec", "/no/such"}, code: 14},
		"a command fails":        {args: []string{"-template", "IN:OUT2:false"}, code: 14},
		"a template fails":       {more: `template { contents = "{{\"x\" | parseInt}}" destination = "OUT2" }`, code: 14},
		"nobody answers":         {args: []string{"-http-addr", "127.0.0.1:1", "-consul-retry-attempts", "1", "-retry", "1ms"}, code: 14},
		"nobody answers at once": {args: []string{"-http-addr", "127.0.0.1:1", "-consul-retry=false", "-once"}, code: 14},
		"a key is missing":       {more: `template { contents = "{{key \"nope\"}}" destination = "OUT2" } err_on_failed_lookup = true`, code: 14},
		"a bad flag":             {args: []string{"-nope"}, code: 13},
		"a bad file":             {more: `nope = 1`, code: 15},
		"a bad signal":           {more: `kill_signal = "KILL"`, code: 15},
		"parsed only":            {args: []string{"-parse-only"}, code: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			in := filepath.Join(dir, "in")
			if err := os.WriteFile(in, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			files := strings.NewReplacer("IN", in, "OUT2", filepath.Join(dir, "out2"))
			for i := range tt.args {
				tt.args[i] = files.Replace(tt.args[i])
			}
			if code := startRenderer(t, a, files.Replace(tt.more), tt.args...).ended(); code != tt.code {
				t.Errorf("the exit code is %d, want %d", code, tt.code)
			}
		})
	}
}

// TestTemplateNotFatal holds that a template that fails ends nothing where the user says so, and is rendered once it can be.
func TestTemplateNotFatal(t *testing.T) {
	t.Parallel()
	a := startAgent(t, "", "-dev", "-node", "n1")
	a.await(leadLine)
	a.ask("kv", "put", "title", "x")
	dir := t.TempDir()
	out := filepath.Join(dir, "n")
	r := startRenderer(t, a, fmt.Sprintf(`template_error_fatal = false template { contents = "{{key \"title\" | parseInt}}" destination = %q } exec { command = "echo up >>EVENTS; while kill -0 $PPID; do sleep 0.1; done" }`, out))
	fileSays(t, r.out, "x")
	r.await(regexp.MustCompile(`a template is not rendered`))
	if _, err := os.Stat(r.events); err == nil {
		t.Error("the program runs before everything is rendered")
	}
	a.ask("kv", "put", "title", "7")
	fileSays(t, out, "7")
	fileSays(t, r.events, "up\n")
}
