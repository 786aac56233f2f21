package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/cmd/holdfast/stage"
	"holdfast/failover/lab"
)

// TestCutBetweenDatacenters holds that a link between datacenters that is cut makes requests for the other side fail with a sentence, and moves no
// address: the holder and its epoch stay what they were. Once the link is back so is the way.
func TestCutBetweenDatacenters(t *testing.T) {
	s := onStage(t, stage.Options{Extra: "ports { serf_wan = 8302 }"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*labLimit)
	defer cancel()
	startFar(t, s)
	var moved string
	for range 3 { // a lease may be lost on a busy machine, by chance
		if moved = cutFar(ctx, t, s); moved == "" {
			return
		}
		t.Log(moved)
	}
	t.Error(moved)
}

// cutFar cuts the link and mends it, and says what has moved, "" for nothing.
func cutFar(ctx context.Context, t *testing.T, s *stage.Stage) (moved string) {
	t.Helper()
	abroad := func() error { return s.Put(ctx, "n2", "/v1/kv/a?dc=dc2") }
	eventually(t, "a write in the other datacenter", func() bool { return abroad() == nil })
	holder, _, err := s.Settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	before := epochOf(ctx, t, s)
	if err := s.Lab.Isolate(s.Lab.Client().Name()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := abroad(); err == nil || !strings.Contains(err.Error(), "500") || !strings.Contains(err.Error(), "dc2") {
		t.Errorf("with the link cut: %v", err)
	}
	t.Logf("with the link cut the request failed after %v", time.Since(began))
	if err := s.Put(ctx, "n2", "/v1/kv/here"); err != nil {
		t.Errorf("a write at home: %v", err)
	}
	if err := s.Lab.Heal(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the way to be back", func() bool { return abroad() == nil })
	now, _, err := s.Settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if epoch := epochOf(ctx, t, s); now != holder || epoch != before {
		return fmt.Sprintf("the holder was %s in epoch %d and is %s in epoch %d", holder, before, now, epoch)
	}
	return ""
}

// startFar runs a datacenter of one server on the machine that is otherwise the client.
func startFar(t *testing.T, s *stage.Stage) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	far := s.Lab.Client()
	config := fmt.Sprintf("datacenter = \"dc2\"\nnode_name = \"far\"\nserver = true\nbootstrap_expect = 1\ndata_dir = %q\nbind_addr = \"%s\"\nretry_join_wan = [\"%s\"]",
		filepath.Join(t.TempDir(), "far"), far.Addr(), s.Lab.Machine("n1").Addr())
	name := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, err = far.Start(t.Context(), []string{self, "agent", "-hcl", config}, lab.StartOptions{Env: append(os.Environ(), asHoldfast+"=1"), Stdout: log, Stderr: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(name) // what is there is shown
			t.Logf("--- log of the other datacenter\n%s", b)
		}
	})
}

// epochOf is the epoch of the one group.
func epochOf(ctx context.Context, t *testing.T, s *stage.Stage) uint64 {
	t.Helper()
	var st stage.Status
	if err := s.Get(ctx, "n1", "/v1/failover/status", &st); err != nil || len(st.Groups) != 1 {
		t.Fatalf("the status: %v, %d groups", err, len(st.Groups))
	}
	return st.Groups[0].Assignment.Epoch
}
