package main

import (
	"context"
	"os"
	"testing"
	"time"

	"holdfast/cmd/holdfast/stage"
	"holdfast/failover/lab"
)

// labLimit is how long a test waits for what must happen.
const labLimit = 30 * time.Second

// onStage opens three machines with real daemons and waits until the address is served.
func onStage(t *testing.T, o stage.Options) (*stage.Stage, *lab.Probe) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Holdfast, o.Env, o.Dir = []string{self}, append(o.Env, asHoldfast+"=1"), t.TempDir()
	s, err := stage.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("HOLDFAST_TEST_LOGS") != "" {
			showLogs(t, s)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := s.Watch(t.Context(), stage.VIP4, labLimit)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func showLogs(t *testing.T, s *stage.Stage) {
	t.Helper()
	for _, m := range s.Machines() {
		b, _ := os.ReadFile(s.LogFile(m)) // what is there is shown
		t.Logf("--- log of %s\n%s", m, b)
	}
}

func await(t *testing.T, p *lab.Probe, machine string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labLimit)
	defer cancel()
	if err := p.Await(ctx, machine); err != nil {
		t.Fatalf("%s did not answer within %s: %v", machine, labLimit, err)
	}
}

// judge ends the probe and holds what every fault must hold: never two.
func judge(t *testing.T, p *lab.Probe) lab.Report {
	t.Helper()
	r := p.Close()
	t.Logf("%s\n%s", r, r.Detail())
	if r.Two > 0 {
		t.Errorf("two machines served at once for %s", r.Two)
	}
	return r
}

func TestPowerLossOfHolder(t *testing.T) {
	s, p := onStage(t, stage.Options{})
	time.Sleep(2 * time.Second)
	holder := p.Holder()
	if err := s.Lab.Machine(holder).PowerOff(); err != nil {
		t.Fatal(err)
	}
	await(t, p, otherThan(t, p, holder))
	judge(t, p)
}

// otherThan waits until another machine answers, and names it.
func otherThan(t *testing.T, p *lab.Probe, old string) string {
	t.Helper()
	for end := time.Now().Add(labLimit); time.Now().Before(end); {
		await(t, p, "")
		if h := p.Holder(); h != "" && h != old {
			return h
		}
	}
	t.Fatalf("no other machine than %s answered within %s", old, labLimit)
	return ""
}
