package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cmd/holdfast/stage"
)

// labLimit is how long a test waits for what must happen.
const labLimit = 2 * time.Minute

// onStage opens three machines with real daemons.
func onStage(t *testing.T, o stage.Options) *stage.Stage {
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
	return s
}

func showLogs(t *testing.T, s *stage.Stage) {
	t.Helper()
	for _, m := range s.Machines() {
		b, _ := os.ReadFile(s.LogFile(m)) // what is there is shown
		t.Logf("--- log of %s\n%s", m, b)
	}
}

// TestFaults plays every fault, one after the other on one stage; with HOLDFAST_LAB_LENGTH=full those that end by themselves as long as the promise says. Whatever happens, no two machines answer at once, and in the end the
// address is where the plan says. How long the outages are is the benchmark's business.
func TestFaults(t *testing.T) {
	lengths, err := stage.LengthsOf(os.Getenv("HOLDFAST_LAB_LENGTH"))
	if err != nil {
		t.Fatal(err)
	}
	s := onStage(t, stage.Options{Extra: `dns_config { node_ttl = "60s" }`})
	playFaults(t, s, stage.Faults(lengths))
	if t.Failed() {
		return
	}
	t.Run("planned move", func(t *testing.T) { plannedMove(t, s) })
}

// playFaults plays one fault after the other, and holds that no two machines answer at once and that the address ends where the plan says.
func playFaults(t *testing.T, s *stage.Stage, faults []stage.Fault) {
	t.Helper()
	for _, f := range faults {
		t.Run(f.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), labLimit)
			defer cancel()
			x, err := s.Begin(ctx, f.Role)
			if err != nil {
				t.Fatal(err)
			}
			err = f.Run(ctx, x)
			if f.Mend != nil && err == nil {
				err = f.Mend(ctx, x)
			}
			if err == nil {
				err = x.AsPlanned(ctx)
			}
			v4, v6 := x.End()
			t.Logf("holder %s, leader %s:\n%s\n%s", x.Holder, x.Leader, v4, v6)
			if err != nil {
				t.Error(err)
			}
			if v4.Two > 0 || v6.Two > 0 {
				t.Errorf("two machines served at once:\n%s\n%s", v4.Detail(), v6.Detail())
			}
		})
		if t.Failed() {
			return // the stage is not as the next fault expects it
		}
	}
}

// plannedMove plans a move and kills the leader: until the move nobody may remember the group's name for longer than that, and the next
// leader carries it out.
func plannedMove(t *testing.T, s *stage.Stage) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labLimit)
	defer cancel()
	x, err := s.Begin(ctx, stage.Follows)
	if err != nil {
		t.Fatal(err)
	}
	var to string
	for _, m := range s.Machines() {
		if m != x.Holder && m != x.Leader {
			to = m
		}
	}
	if ttl := groupTTL(t, s, x.Holder); ttl != 60 {
		t.Errorf("before the plan the TTL is %d", ttl)
	}
	const ahead = 8 * time.Second
	began := time.Now()
	if err := s.Put(ctx, x.Holder, "/v1/failover/group/web/move?to="+to+"&in="+ahead.String()); err != nil {
		t.Fatal(err)
	}
	for groupTTL(t, s, x.Holder) > uint32(ahead.Seconds()) { // the holder hears of the plan a moment after the leader
		if time.Since(began) > ahead/2 {
			t.Fatalf("with a move planned in %s the TTL is not lowered", ahead)
		}
		<-time.After(10 * time.Millisecond)
	}
	if err := errors.Join(s.Daemon(x.Leader).Kill(), x.Await(ctx, to)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < ahead {
		t.Errorf("it was moved after %s", took)
	}
	eventually(t, "the TTL is as before", func() bool { return groupTTL(t, s, to) == 60 }) // it carries the address before the state says so
	if err := errors.Join(s.StartDaemon(x.Leader), x.AsPlanned(ctx)); err != nil {
		t.Error(err)
	}
	if v4, v6 := x.End(); v4.Two > 0 || v6.Two > 0 {
		t.Errorf("two machines served at once:\n%s\n%s", v4.Detail(), v6.Detail())
	}
}

// groupTTL is how long the DNS of a machine lets the group's name be remembered.
func groupTTL(t *testing.T, s *stage.Stage, machine string) uint32 {
	t.Helper()
	c, err := s.Lab.Machine(machine).Dial(t.Context(), "udp", "127.0.0.1:8600")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(labLimit)); err != nil {
		t.Fatal(err)
	}
	conn := &dns.Conn{Conn: c}
	if err := conn.WriteMsg(new(dns.Msg).SetQuestion("web.group.consul.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	m, err := conn.ReadMsg()
	if err != nil || len(m.Answer) != 1 {
		t.Fatalf("%s: %v, %v", machine, m, err)
	}
	return m.Answer[0].Header().Ttl
}
