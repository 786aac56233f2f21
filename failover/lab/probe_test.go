//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/failover/lab/witness"
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

// watch puts the address on n1, and returns once the probe has seen it there in every way.
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
	s.until("n1 answers the client", answering("n1"))
	s.until("n1 is seen to serve", serving("n1"))
	return s
}

// enough is how many answers show a state, and not the edge of one.
const enough = 10

// look is what the probe has seen, with what has just been answered counted too.
func (s *stage) look() Report {
	rec := s.probe.record()
	rec.Ended += patience
	return rec.Judge(s.probe.rules())
}

// until waits for what the probe is to see, however seldom a busy computer lets it ask.
func (s *stage) until(what string, sees func(Report) bool) {
	s.t.Helper()
	eventually(s.t, what, func() bool { return sees(s.look()) })
}

// answering is that the client is answered by this machine now.
func answering(machine string) func(Report) bool {
	return func(r Report) bool {
		n := len(r.Heard)
		return n > 0 && r.Heard[n-1].Machine == machine && r.Heard[n-1].Answers >= enough
	}
}

// serving is that each method has found this machine out.
func serving(machine string) func(Report) bool {
	return func(r Report) bool {
		return served(r, machine, ByOwner).Answers >= enough && served(r, machine, ByUnicast).Answers >= enough
	}
}

// silent is that so many questions of the client, sent at some time or later, are unanswered.
func (s *stage) silent(from time.Duration) (n int) {
	for _, a := range s.probe.record().Client {
		if a.Sent >= from && a.SentBy > 0 && a.Heard == 0 {
			n++
		}
	}
	return n
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
	s.until(machine+" answers the client", answering(machine))
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

// slack is what a busy computer may add to a measure.
func slack(r Report) time.Duration { return 20*time.Millisecond + 2*r.Resolution }

// twoAtOnce has two machines serve until the probe has seen so much of it, and for as long at least, and holds the report to the time from the
// moment before the second came to the moment after one went.
func (s *stage) twoAtOnce(least time.Duration, begin, end func(), last string) Report {
	t := s.t
	t.Helper()
	before := s.probe.now()
	begin()
	s.until("two at once", func(r Report) bool { return r.Two > 0 }) // the kernel takes an IPv6 address up a moment after it has said so
	after := s.probe.now()
	<-time.After(least)
	s.until(fmt.Sprintf("two at once for %s", least), func(r Report) bool { return r.Two >= least-slack(Report{}) })
	truly := s.probe.now() - after
	end()
	most := s.probe.now() - before
	r := s.finish(t, last)
	if r.Two < least-slack(Report{}) || r.Two > most+slack(r) {
		t.Errorf("two at once for %s, want between %s and %s", r.Two, least, most)
	}
	// Where it was not held up, it has seen all.
	if r.Resolution <= minGap && r.Two < truly-slack(r) {
		t.Errorf("two at once for %s, want %s", r.Two, truly)
	}
	return r
}

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
	r := s.twoAtOnce(200*time.Millisecond, func() {
		s.claim(t, s.n2)
	}, func() {
		must(t, s.n1.RemoveAddress(s.vip))
	}, "n2")
	for _, o := range r.Overlaps {
		if o.Machines != [2]string{"n1", "n2"} {
			t.Errorf("overlaps %v, want n1 and n2", r.Overlaps)
		}
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
		s.until(next.Name()+" answers the client", func(r Report) bool { // in time, or the report will not tell of it
			return r.Heard[len(r.Heard)-1].Machine == next.Name()
		})
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

// knownGap leaves the address nowhere for 300 ms and some questions.
func (s *stage) knownGap() {
	t := s.t
	heard := s.look().Heard
	answered := heard[len(heard)-1].To // no earlier can the client miss it
	must(t, s.n1.RemoveAddress(s.vip))
	gone := s.probe.now()
	<-time.After(300 * time.Millisecond)
	eventually(t, "some questions are unanswered", func() bool { return s.silent(gone) >= 2*enough })
	missed := s.silent(gone)
	back := s.probe.now()
	s.claim(t, s.n2)
	s.until("n2 answers the client", answering("n2"))
	seen := s.probe.now()
	r := s.finish(t, "n2")
	i := slices.IndexFunc(r.Outages, func(o Outage) bool { return o.Before == "n1" && o.After == "n2" })
	if i < 0 {
		t.Fatalf("outages %v, want one from n1 to n2", r.Outages)
	}
	o := r.Outages[i]
	if o.From < answered || o.From > gone || o.To < back || o.To > seen || o.Unanswered < missed {
		t.Errorf("the outage is %+v, want one from %s..%s to %s..%s, and %d questions or more", o, answered, gone, back, seen, missed)
	}
	if r.Outage < o.Length() || r.OutageTotal < r.Outage {
		t.Errorf("the longest outage is %s, all are %s, and one is %s", r.Outage, r.OutageTotal, o.Length())
	}
	if r.Two != 0 {
		t.Errorf("two at once for %s", r.Two)
	}
}

// secretOwner adds the address to a machine that tells nobody and that no client asks.
func (s *stage) secretOwner() {
	t := s.t
	r := s.twoAtOnce(200*time.Millisecond, func() {
		must(t, s.n2.AddAddress(s.vip))
	}, func() {
		s.until("n2 is found out by each method", serving("n2"))
		must(t, s.n2.RemoveAddress(s.vip))
	}, "n1")
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
	r := s.twoAtOnce(100*time.Millisecond, func() {
		must(t, n3.AddAddress(s.vip))
		s.until("n3 answers", func(r Report) bool { return served(r, "n3", ByOwner).Answers > 0 }) // its cable is new
	}, func() {
		must(t, n3.RemoveAddress(s.vip))
	}, "n1")
	if got := served(r, "n3", ByUnicast); got.Answers != 0 {
		t.Errorf("n3 answered %d datagrams without a service", got.Answers)
	}
}

// unannounced moves the address and tells nobody: the probe must not repair what the client believes.
func (s *stage) unannounced() {
	t := s.t
	must(t, s.n1.RemoveAddress(s.vip))
	gone := s.probe.now()
	must(t, s.n2.AddAddress(s.vip))
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if err := s.probe.Await(ctx, "n2"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "(now: nobody)") {
		t.Errorf("the client found the new owner without being told: %v", err)
	}
	s.until("the new owner is seen to serve", serving("n2"))
	eventually(t, "some questions are unanswered", func() bool { return s.silent(gone) >= 2*enough })
	r := s.probe.Close()
	t.Log(r.Detail())
	if n := len(r.Outages); n == 0 || r.Outages[n-1].After != "" || r.Outages[n-1].From > gone || r.Outages[n-1].Length() < 300*time.Millisecond {
		t.Errorf("outages %v, want one to the end", r.Outages)
	}
}

// clientUnplugged takes the client's own cable: an outage for the client, and none of the machines' making.
func (s *stage) clientUnplugged() {
	t := s.t
	must(t, s.Client().Unplug())
	gone := s.probe.now()
	<-time.After(100*time.Millisecond + patience) // a question that does not wait for longer than that counts as answered
	eventually(t, "some questions are unanswered", func() bool { return s.silent(gone) >= 2*enough })
	must(t, s.Client().Plug())
	back := s.probe.now()
	eventually(t, "n1 has answered all that it was asked", func() bool { return s.owed("n1", back) == 0 })
	r := s.finish(t, "n1")
	if r.Outage < 100*time.Millisecond {
		t.Errorf("outage %s, want 100 ms or more", r.Outage)
	}
}

// owed is how many questions that a machine was asked before a time it has not answered yet.
func (s *stage) owed(machine string, before time.Duration) (n int) {
	for _, track := range s.probe.record().Tracks {
		if track.Machine != machine || track.Method != ByUnicast {
			continue
		}
		for _, a := range track.Asks {
			if a.Sent != witness.Unsent && a.Sent < before && a.Heard == 0 {
				n++
			}
		}
	}
	return n
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
