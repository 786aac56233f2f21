package dnsapi

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

func TestSizes(t *testing.T) {
	w := newWorld(t, many(200)...)
	for _, tt := range []struct {
		ask string

		least, most int // answers
		size        int // bytes
	}{
		{ask: "web.service.consul. A", least: 3, most: 3, size: 512},
		{ask: "web.service.consul. SRV", least: 3, most: 3, size: 512},
		{ask: "web.service.consul. A edns=512", least: 3, most: 3, size: 512},
		{ask: "web.service.consul. A edns=0", least: 3, most: 3, size: 512},
		{ask: "web.service.consul. A edns=1232", least: 70, most: 76, size: 1232},
		{ask: "web.service.consul. SRV edns=1232", least: 15, most: 25, size: 1232},
		{ask: "web.service.consul. A edns=4096", least: 200, most: 200, size: 4096},
		{ask: "web.service.consul. SRV edns=4096", least: 60, most: 80, size: 4096},
		{ask: "web.service.consul. SRV edns=65535", least: 200, most: 200, size: maxUDP},
		{ask: "web.service.consul. A tcp", least: 200, most: 200, size: 65535},
		{ask: "web.service.consul. SRV tcp", least: 200, most: 200, size: 65535},
	} {
		for _, truncate := range []bool{false, true} {
			w.Truncate = truncate
			m := w.ask(t, tt.ask)
			m.Compress = true
			n := len(m.Answer)
			if n < tt.least || n > tt.most {
				t.Errorf("%s: %d answers, want %d to %d", tt.ask, n, tt.least, tt.most)
			}
			if m.Len() > tt.size {
				t.Errorf("%s: %d bytes, want at most %d", tt.ask, m.Len(), tt.size)
			}
			if want := truncate && n < 200; m.Truncated != want {
				t.Errorf("%s: enable_truncate %v, %d of 200 answers: TC is %v", tt.ask, truncate, n, m.Truncated)
			}
			if m.Answer[0].Header().Rrtype == dns.TypeSRV {
				gluedExactly(t, tt.ask, m)
			}
		}
	}
}

// gluedExactly insists on one address for each target in the answer, and no other.
func gluedExactly(t *testing.T, ask string, m *dns.Msg) {
	t.Helper()
	targets := map[string]bool{}
	for _, rr := range m.Answer {
		targets[rr.(*dns.SRV).Target] = true
	}
	for _, rr := range m.Extra {
		if name := rr.Header().Name; rr.Header().Rrtype != dns.TypeOPT {
			if !targets[name] {
				t.Errorf("%s: the address of %s is added, which is no target, or twice", ask, name)
			}
			delete(targets, name)
		}
	}
	if len(targets) > 0 {
		t.Errorf("%s: targets without an address: %v", ask, targets)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, many(30)...)
	w.Truncate = true
	count := func(ask string, want int, truncated bool) {
		t.Helper()
		if m := w.ask(t, ask); len(m.Answer) != want || m.Truncated != truncated {
			t.Errorf("udp_answer_limit %d, a_record_limit %d: %s: %d answers, TC %v, want %d, %v", w.UDPAnswerLimit, w.ARecordLimit, ask, len(m.Answer), m.Truncated, want, truncated)
		}
	}
	w.UDPAnswerLimit, w.ARecordLimit = 0, 0
	count("web.service.consul. A", 29, true) // all that 512 bytes hold
	count("web.service.consul. A tcp", 30, false)
	w.ARecordLimit = 5
	count("web.service.consul. A", 5, false)
	count("web.service.consul. A edns=4096", 5, false)
	count("web.service.consul. ANY tcp", 5, false)
	count("web.service.consul. SRV tcp", 30, false)
	w.UDPAnswerLimit = 2
	count("web.service.consul. A", 2, true)
	count("web.service.consul. SRV", 2, true)
	count("web.service.consul. A edns=1232", 5, false)
}

func TestTooLargeForTCP(t *testing.T) {
	var all []*cluster.Register
	for i, r := range many(1000) {
		r.Node.Name = strings.Repeat("long.", 25) + r.Node.Name
		r.Service.Port = i
		all = append(all, r)
	}
	m := newWorld(t, all...).ask(t, "web.service.consul. SRV tcp")
	if m.Compress = true; m.Len() > dns.MaxMsgSize || len(m.Answer) < 200 {
		t.Errorf("%d answers in %d bytes", len(m.Answer), m.Len())
	}
}

// The answer itself goes last where there is no room.
func TestApexTooLarge(t *testing.T) {
	var all []*cluster.Register
	for _, r := range many(20) {
		r.Service.Name = "consul"
		all = append(all, r)
	}
	w := newWorld(t, all...)
	w.try(t, row{ask: "consul. SOA", code: "NOERROR aa", answer: negative})
}

func TestEDNS(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	for _, name := range []string{"web.service.consul.", "none.service.consul.", "www.example.com."} {
		req := new(dns.Msg).SetQuestion(name, dns.TypeA)
		req.SetEdns0(1232, true)
		req.IsEdns0().Option = []dns.EDNS0{
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"},
			&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IP{192, 0, 2, 0}},
		}
		o := w.reply(t, h, req, true).IsEdns0()
		if o == nil || o.UDPSize() != takeUDP || !o.Do() || o.Version() != 0 || len(o.Option) != 1 {
			t.Fatalf("%s: OPT is %v", name, o)
		}
		s, ok := o.Option[0].(*dns.EDNS0_SUBNET)
		if !ok || s.SourceScope != 0 || s.SourceNetmask != 24 || s.Address.String() != "192.0.2.0" {
			t.Errorf("%s: the client subnet comes back as %v, want scope 0", name, o.Option[0])
		}
	}
	req := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA)
	req.SetEdns0(1232, false)
	req.IsEdns0().SetVersion(1)
	if m := w.reply(t, h, req, true); m.Rcode != dns.RcodeBadVers || m.IsEdns0().Version() != 0 || len(m.Answer) != 0 {
		t.Errorf("EDNS version 1: %v", m)
	}
}
