//go:build linux

package lab

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	vip4 = netip.MustParsePrefix("10.77.0.100/32")
	vip6 = netip.MustParsePrefix("fd77::100/128")
)

// stage is a lab whose machines all answer, with a virtual IP on n1 that a probe watches.
type stage struct {
	*Lab

	t      *testing.T
	n1, n2 *Machine
	vip    netip.Prefix
	probe  *Probe
}

func openStage(t *testing.T) *Lab {
	t.Helper()
	l := openLab(t, Options{Machines: []string{"n1", "n2", "n3"}})
	for _, m := range l.Machines() {
		_, err := m.Serve(t.Context(), DefaultPort)
		must(t, err)
	}
	return l
}

// watch puts the address on n1, and returns once the client is answered.
func watch(t *testing.T, l *Lab, vip netip.Prefix) *stage {
	t.Helper()
	ctx := testContext(t)
	s := &stage{Lab: l, t: t, n1: l.Machine("n1"), n2: l.Machine("n2"), vip: vip, probe: l.NewProbe(ProbeOptions{VIP: vip.Addr()})}
	for _, m := range l.Machines() {
		_ = m.RemoveAddress(vip) // what an earlier test has left
	}
	must(t, s.n1.AddAddress(vip))
	announce(t, s.n1, vip.Addr())
	must(t, s.probe.Open(ctx))
	t.Cleanup(func() { s.probe.Close() })
	must(t, s.probe.Await(ctx, "n1"))
	<-time.After(50 * time.Millisecond) // of undisturbed service
	return s
}

// claim adds the address to a machine and announces it.
func (s *stage) claim(t *testing.T, m *Machine) {
	t.Helper()
	must(t, m.AddAddress(s.vip))
	announce(t, m, s.vip.Addr())
}

// finish lets the probe see the machine in service for a while, and reports.
func (s *stage) finish(t *testing.T, machine string) Report {
	t.Helper()
	must(t, s.probe.Await(testContext(t), machine))
	<-time.After(50 * time.Millisecond)
	r := s.probe.Close()
	t.Log(r.Detail())
	return r
}

// served is how a method saw a machine.
func served(r Report, machine string, method Method) Serving {
	i := slices.IndexFunc(r.Serving, func(s Serving) bool { return s.Machine == machine && s.Method == method })
	if i < 0 {
		return Serving{}
	}
	return r.Serving[i]
}

// slack is what a busy computer may add to or hide from a measure.
func slack(r Report) time.Duration { return 20*time.Millisecond + 2*r.Resolution }

func eachFamily(t *testing.T, l *Lab, test func(*stage)) {
	t.Helper()
	t.Run("IPv4", func(t *testing.T) { test(watch(t, l, vip4)) })
	t.Run("IPv6", func(t *testing.T) { test(watch(t, l, vip6)) })
}

// TestProbe moves an address in good and in bad ways that the probe must tell apart.
func TestProbe(t *testing.T) {
	l := openStage(t)
	t.Run("bad hand-over", func(t *testing.T) { eachFamily(t, l, (*stage).badHandOver) })
	t.Run("clean move", func(t *testing.T) { eachFamily(t, l, (*stage).cleanMove) })
	t.Run("many clean moves", func(t *testing.T) { eachFamily(t, l, (*stage).manyMoves) })
	t.Run("known gap", func(t *testing.T) { eachFamily(t, l, (*stage).knownGap) })
	t.Run("secret second owner", func(t *testing.T) { eachFamily(t, l, (*stage).secretOwner) })
	t.Run("owner who answers for nobody", func(t *testing.T) { watch(t, l, vip4).watchedButSilent() })
	t.Run("move without an announcement", func(t *testing.T) { eachFamily(t, l, (*stage).unannounced) })
	t.Run("client without a cable", func(t *testing.T) { watch(t, l, vip4).clientUnplugged() })
}

// badHandOver has the address on two machines for 200 ms.
func (s *stage) badHandOver() {
	t := s.t
	before := time.Now()
	s.claim(t, s.n2)
	after := time.Now()
	<-time.After(200 * time.Millisecond)
	least := time.Since(after)
	must(t, s.n1.RemoveAddress(s.vip))
	most := time.Since(before)
	r := s.finish(t, "n2")
	if r.Two < least-slack(r) || r.Two > most+slack(r) {
		t.Errorf("two at once for %s, want between %s and %s", r.Two, least, most)
	}
	if len(r.Overlaps) == 0 || r.Overlaps[0].Machines != [2]string{"n1", "n2"} {
		t.Errorf("overlaps %v, want n1 and n2", r.Overlaps)
	}
	if r.Heard[0].Machine != "n1" || r.Heard[len(r.Heard)-1].Machine != "n2" {
		t.Errorf("the client heard %v", r.Heard)
	}
}

// cleanMove removes the address before it adds it elsewhere.
func (s *stage) cleanMove() {
	t := s.t
	must(t, s.n1.RemoveAddress(s.vip))
	s.claim(t, s.n2)
	r := s.finish(t, "n2")
	if r.Two != 0 {
		t.Errorf("two at once for %s in an orderly move: %v", r.Two, r.Overlaps)
	}
	if len(r.Heard) != 2 {
		t.Errorf("the client heard %v, want n1 and then n2", r.Heard)
	}
}

// manyMoves changes the owner in good order every few milliseconds' time, far more often than any failover.
func (s *stage) manyMoves() {
	t := s.t
	owner, next := s.n1, s.n2
	for range 20 {
		must(t, owner.RemoveAddress(s.vip))
		s.claim(t, next)
		must(t, s.probe.Await(testContext(t), next.Name()))
		<-time.After(2 * minGap)
		owner, next = next, owner
	}
	r := s.finish(t, "n1")
	if r.Two != 0 {
		t.Errorf("two at once for %s in orderly moves: %v", r.Two, r.Overlaps)
	}
	if len(r.Heard) != 21 {
		t.Errorf("the client heard %d owners, want 21", len(r.Heard))
	}
}

// knownGap leaves the address nowhere for 300 ms.
func (s *stage) knownGap() {
	t := s.t
	before := time.Now()
	must(t, s.n1.RemoveAddress(s.vip))
	after := time.Now()
	<-time.After(300 * time.Millisecond)
	least := time.Since(after)
	s.claim(t, s.n2)
	must(t, s.probe.Await(testContext(t), "n2"))
	most := time.Since(before)
	r := s.finish(t, "n2")
	if r.Outage < least || r.Outage > most+slack(r) {
		t.Errorf("outage %s, want between %s and %s", r.Outage, least, most)
	}
	i := slices.IndexFunc(r.Outages, func(o Outage) bool { return o.Length() == r.Outage })
	if o := r.Outages[i]; o.Before != "n1" || o.After != "n2" || o.Unanswered < 20 {
		t.Errorf("the outage is %+v", o)
	}
	if r.Two != 0 {
		t.Errorf("two at once for %s", r.Two)
	}
}

// secretOwner adds the address to a machine that tells nobody and that no client asks.
func (s *stage) secretOwner() {
	t := s.t
	must(t, s.n2.AddAddress(s.vip))
	<-time.After(200 * time.Millisecond)
	must(t, s.n2.RemoveAddress(s.vip))
	r := s.finish(t, "n1")
	if r.Two < 200*time.Millisecond-slack(r) {
		t.Errorf("two at once for %s, want about 200 ms", r.Two)
	}
	for _, method := range []Method{ByOwner, ByUnicast} {
		if served(r, "n2", method).Answers < 10 {
			t.Errorf("n2 was not found out by %s", method)
		}
	}
	if len(r.Heard) != 1 && s.vip.Addr().Is4() {
		t.Errorf("the client was told about the second owner: it heard %v", r.Heard)
	}
}

// watchedButSilent has a second owner that answers ARP and no datagram.
func (s *stage) watchedButSilent() {
	t := s.t
	n3 := s.Machine("n3")
	must(t, n3.PowerOff()) // its service with it
	must(t, n3.PowerOn(testContext(t)))
	must(t, n3.AddAddress(s.vip))
	<-time.After(100 * time.Millisecond)
	must(t, n3.RemoveAddress(s.vip))
	r := s.finish(t, "n1")
	if r.Two < 100*time.Millisecond-slack(r) {
		t.Errorf("two at once for %s, want about 100 ms", r.Two)
	}
	if got := served(r, "n3", ByUnicast); got.Answers != 0 {
		t.Errorf("n3 answered %d datagrams without a service", got.Answers)
	}
}

// unannounced moves the address and tells nobody: the probe must not repair what the client believes.
func (s *stage) unannounced() {
	t := s.t
	must(t, s.n1.RemoveAddress(s.vip))
	must(t, s.n2.AddAddress(s.vip))
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if err := s.probe.Await(ctx, "n2"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "(now: nobody)") {
		t.Errorf("the client found the new owner without being told: %v", err)
	}
	r := s.probe.Close()
	t.Log(r.Detail())
	if served(r, "n2", ByUnicast).Answers < 20 || served(r, "n2", ByOwner).Answers < 20 {
		t.Error("the new owner was not seen to serve")
	}
	if n := len(r.Outages); n == 0 || r.Outages[n-1].After != "" || r.Outage < 300*time.Millisecond {
		t.Errorf("outages %v, want one to the end", r.Outages)
	}
}

// clientUnplugged takes the client's own cable: an outage for the client, and none of the machines' making.
func (s *stage) clientUnplugged() {
	t := s.t
	must(t, s.Client().Unplug())
	<-time.After(100 * time.Millisecond)
	must(t, s.Client().Plug())
	r := s.finish(t, "n1")
	if r.Outage < 100*time.Millisecond {
		t.Errorf("outage %s, want 100 ms or more", r.Outage)
	}
	if got := served(r, "n1", ByUnicast); got.Answers < r.Asked*3/4 {
		t.Errorf("n1 served all along, and %d of %d questions were seen to be answered", got.Answers, r.Asked)
	}
}

func TestProbeRefuses(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	for _, tt := range []struct {
		o    ProbeOptions
		want string
	}{
		{ProbeOptions{VIP: netip.MustParseAddr("192.0.2.1")}, "192.0.2.1: it is not in network"},
		{ProbeOptions{VIP: vip4.Addr(), Network: "moon"}, `no network "moon"`},
		{ProbeOptions{VIP: vip4.Addr(), From: "n9"}, `probe from "n9"`},
	} {
		p := l.NewProbe(tt.o)
		if err := p.Open(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want an error with %q", err, tt.want)
		}
		if r := p.Close(); r.Asked != 0 {
			t.Errorf("a probe that did not open asked %d questions", r.Asked)
		}
	}
	closed, err := New(Options{Machines: []string{"n1"}})
	must(t, err)
	if err := closed.NewProbe(ProbeOptions{VIP: vip4.Addr()}).Open(t.Context()); err == nil || !strings.Contains(err.Error(), "not open") {
		t.Errorf("probe of a lab that is not open: %v", err)
	}
}
