package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOperatorVerbs looks after a cluster of one, and changes the key that it gossips with.
func TestOperatorVerbs(t *testing.T) {
	t.Parallel()
	const first, second = "MDEyMzQ1Njc4OWFiY2RlZg==", "ZmVkY2JhOTg3NjU0MzIxMA=="
	c := startAgent(t, "", "-dev", "-node", "n1", "-encrypt", first)
	c.await(leadLine)
	eventually(t, "autopilot has seen the metadata that the agent writes", func() bool { return strings.Contains(c.api("/v1/operator/autopilot/state"), "consul-version") })
	s := &session{t: t, addr: c.http}
	s.run("operator", "raft", "list-peers")
	s.run("operator", "raft", "list-peers", "-stale", "-detailed")
	s.run("operator", "raft", "remove-peer", "-id", "nope")
	s.run("operator", "raft", "remove-peer", "-address", "10.0.0.9:8300")
	s.run("operator", "raft", "transfer-leader")
	s.run("operator", "autopilot", "get-config")
	s.run("operator", "autopilot", "set-config", "-cleanup-dead-servers=false", "-min-quorum=3", "-server-stabilization-time=5s", "-last-contact-threshold=1s")
	s.run("operator", "autopilot", "set-config", "-min-quorum=101")
	s.run("operator", "autopilot", "get-config", "-stale")
	s.run("operator", "autopilot", "state")
	s.run("keyring", "-list")
	s.run("keyring", "-install", second)
	s.run("keyring", "-use", second)
	s.run("keyring", "-remove", first)
	s.run("keyring", "-list-primary", "-local-only")
	s.run("keyring", "-remove", second)
	s.run("keyring", "-use", first)
	s.run("keyring", "-install", "short")
	got := regexp.MustCompile(`(Commit Index|true +3) +\d+`).ReplaceAllString(steady(s.b.String()), "$1  N")
	got = regexp.MustCompile(`(Last (Index|Term): +)\d+`).ReplaceAllString(got, "${1}N")
	golden(t, "session/operator", got)
}

// TestTheKeyringOutlivesARestart changes the key of an agent, which gossips with the new one after a restart, whatever encrypt says.
func TestTheKeyringOutlivesARestart(t *testing.T) {
	t.Parallel()
	const first, second = "MDEyMzQ1Njc4OWFiY2RlZg==", "ZmVkY2JhOTg3NjU0MzIxMA=="
	dir := t.TempDir()
	run := func() *child {
		return startAgent(t, "", "-data-dir", dir, "-node", "n1", "-server", "-bootstrap", "-encrypt", first)
	}
	c := run()
	c.await(leadLine)
	for _, args := range [][]string{{"-install", second}, {"-use", second}} {
		if got := c.ask(append([]string{"keyring"}, args...)...); got.code != 0 {
			t.Fatalf("%v: %+v", args, got)
		}
	}
	c.kill()
	if b, err := os.ReadFile(filepath.Join(dir, "serf", "local.keyring")); err != nil || !strings.Contains(string(b), second) {
		t.Fatalf("the keyring on the disk: %s %v", b, err)
	}
	c = run()
	c.await(leadLine)
	if got := c.ask("keyring", "-list-primary"); !strings.Contains(got.out, second+" [1/1]") {
		t.Errorf("after a restart: %+v", got)
	}
}
