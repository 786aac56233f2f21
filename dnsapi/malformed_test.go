package dnsapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestNotAQuestion(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	web := dns.Question{Name: "web.service.consul.", Qtype: dns.TypeA, Qclass: dns.ClassINET}
	for _, tt := range []struct {
		what string
		edit func(m *dns.Msg)
		want int
	}{
		{"no question", func(m *dns.Msg) { m.Question = nil }, dns.RcodeFormatError},
		{"two questions", func(m *dns.Msg) { m.Question = append(m.Question, web) }, dns.RcodeFormatError},
		{"opcode UPDATE", func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }, dns.RcodeNotImplemented},
		{"opcode NOTIFY", func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, dns.RcodeNotImplemented},
		{"class CHAOS", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused},
		{"class ANY", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY }, dns.RcodeSuccess},
		{"AXFR", func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAXFR }, dns.RcodeNotImplemented},
		{"IXFR", func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeIXFR }, dns.RcodeNotImplemented},
		{"type 65280", func(m *dns.Msg) { m.Question[0].Qtype = 65280 }, dns.RcodeSuccess},
		{"type OPT", func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeOPT }, dns.RcodeSuccess},
		{"a good question", func(*dns.Msg) {}, dns.RcodeSuccess},
	} {
		req := &dns.Msg{MsgHdr: dns.MsgHdr{Id: 7}, Question: []dns.Question{web}}
		tt.edit(req)
		m := w.reply(t, h, req, true)
		if m.Rcode != tt.want || m.Id != 7 || !m.Response || m.Opcode != req.Opcode {
			t.Errorf("%s: %v, want %s", tt.what, m, dns.RcodeToString[tt.want])
		}
		if m.Rcode != dns.RcodeSuccess && len(m.Answer)+len(m.Ns)+len(m.Extra) > 0 {
			t.Errorf("%s is refused, with records: %v", tt.what, m)
		}
	}
}

func TestLeaderIsAsked(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	w.AllowStale = false
	bounded := false
	w.query = func(ctx context.Context) error { _, bounded = ctx.Deadline(); return nil }
	w.try(t, row{ask: "web.service.consul. A", code: "NOERROR aa", answer: []string{"web.service.consul. 0 A 10.0.0.1"}})
	if !bounded {
		t.Error("a question that asks the leader has no deadline")
	}
	var log bytes.Buffer
	w.query = func(context.Context) error { return errors.New("No cluster leader") }
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.NewTextHandler(&log, nil)))
	for range 100 {
		req, _ := asked(t, "web.service.consul. A rd edns=1232")
		if m := w.reply(t, h, req, true); code(m) != "SERVFAIL rd" || m.IsEdns0() == nil || len(m.Answer) > 0 {
			t.Fatalf("without a leader: %v", m)
		}
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "No cluster leader") || !strings.Contains(got, "web.service.consul.") {
		t.Errorf("100 failures are logged as:\n%s", got)
	}
	// What is outside is refused without asking anyone.
	w.try(t, row{ask: "www.example.com. A", code: "REFUSED"})
}

func TestWaitingIsBounded(t *testing.T) {
	w := newWorld(t)
	w.AllowStale = false
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	req, _ := asked(t, "web.service.consul. A")
	for range maxWaiting {
		h.waiting <- struct{}{}
	}
	if m := w.reply(t, h, req, true); code(m) != "SERVFAIL" {
		t.Errorf("one question too many waits: %v", m)
	}
	<-h.waiting
	if m := w.reply(t, h, req, true); code(m) != "NXDOMAIN aa" {
		t.Errorf("there is room again: %v", m)
	}
}

// TestBehind has a member that was started without a leader: it does not answer from the older state that it may have. With the first word
// of a leader it does, and goes on without one.
func TestBehind(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	var lead atomic.Bool
	w.leader = func(context.Context) error {
		if !lead.Load() {
			return errors.New("No cluster leader")
		}
		return nil
	}
	s := serve(t, w, "127.0.0.1:0")
	addr := s.Addrs()[0]
	for _, network := range []string{"udp", "tcp"} {
		mustAnswer(t, network, addr, "SERVFAIL rd")
	}
	lead.Store(true)
	deadline := time.Now().Add(patience)
	for s.handler.behind.Load() {
		if time.Now().After(deadline) {
			t.Fatal("it stays behind")
		}
		mustAnswer(t, "udp", addr, "NOERROR aa rd")
	}
	lead.Store(false)
	before := w.fresh.Load()
	mustAnswer(t, "udp", addr, "NOERROR aa rd")
	if w.fresh.Load() != before {
		t.Error("the leader is asked although this member is caught up")
	}
}

// TestWaitingHoldsUpNobody asks about services while the leader has been silent for longer than max_stale and does not answer: what needs no
// leader is answered at once all the same.
func TestWaitingHoldsUpNobody(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	w.silent, w.MaxStale = time.Hour, time.Second
	var caught atomic.Bool
	release := make(chan struct{})
	w.leader = func(ctx context.Context) error {
		if caught.Load() {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return nil
	}
	s := serve(t, w, "127.0.0.1:0")
	addr := s.Addrs()[0]
	mustAnswer(t, "udp", addr, "NOERROR aa rd")
	for deadline := time.Now().Add(patience); s.handler.behind.Load(); {
		if time.Now().After(deadline) {
			t.Fatal("it stays behind")
		}
		mustAnswer(t, "udp", addr, "NOERROR aa rd")
	}
	caught.Store(true)
	c := dial(t, "udp", addr)
	for i := range 200 {
		if _, err := c.Write(framed(t, uint16(i), "web.service.consul. A")[2:]); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if _, err := c.Write(framed(t, 999, "www.example.com. A")[2:]); err != nil {
		t.Fatal(err)
	}
	for m := read(t, c); m.Id != 999; m = read(t, c) {
		t.Errorf("a question that waits is answered: %v", m)
	}
	if took := time.Since(began); took > queryTimeout {
		t.Errorf("what needs no leader waited %s for those that do", took)
	}
	close(release)
}
