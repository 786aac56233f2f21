package dnsapi

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/dnsapi/socket"

	"github.com/miekg/dns"
)

// upstream is another DNS server. It answers for example.com. and counts the questions.
type upstream struct {
	addr  string
	asked atomic.Int32
	reply func(m *dns.Msg, tcp bool) // changes what is answered; with an Id of 0 that is nothing
}

func newUpstream(t *testing.T, reply func(m *dns.Msg, tcp bool)) *upstream {
	t.Helper()
	u := &upstream{reply: reply}
	ps, l, err := socket.Bind("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.addr = l.Addr().String()
	servers := []*dns.Server{{Listener: l, Handler: u}}
	for _, p := range ps {
		servers = append(servers, &dns.Server{PacketConn: p.UDPConn, Handler: u})
	}
	for _, s := range servers {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return u
}

// ServeDNS answers with an address that says whether TCP was used: 192.0.2.1, or 192.0.2.2 over TCP.
func (u *upstream) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	u.asked.Add(1)
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	m := new(dns.Msg).SetReply(req)
	ip := "192.0.2.1"
	if tcp {
		ip = "192.0.2.2"
	}
	if req.Question[0].Qtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{Hdr: header(req.Question[0].Name, dns.TypeA, 60), A: net.ParseIP(ip)}}
	}
	if u.reply != nil {
		u.reply(m, tcp)
	}
	if m.Id != 0 {
		_ = w.WriteMsg(m)
	}
}

// recursing is a world with recursors.
func recursing(t *testing.T, servers ...*upstream) *world {
	t.Helper()
	w := newWorld(t, on(runs(at("n1", "10.0.0.1"), "named", 443), "www.example.com"), runs(at("n1", "10.0.0.1"), "web", 80))
	w.RecursorTimeout = patience
	for _, u := range servers {
		w.Recursors = append(w.Recursors, u.addr)
	}
	return w
}

func TestForward(t *testing.T) {
	w := recursing(t, newUpstream(t, nil))
	w.try(t,
		row{ask: "www.example.com. A rd", code: "NOERROR rd ra", answer: []string{"www.example.com. 60 A 192.0.2.1"}},
		row{ask: "www.example.com. A tcp", code: "NOERROR ra", answer: []string{"www.example.com. 60 A 192.0.2.2"}},
		row{ask: "wWw.eXample.com. A", code: "NOERROR ra", answer: []string{"wWw.eXample.com. 60 A 192.0.2.1"}},
		row{ask: "web.service.consul. A", code: "NOERROR aa ra", answer: []string{"web.service.consul. 0 A 10.0.0.1"}},
		row{ask: "9.2.0.192.in-addr.arpa. A", code: "NOERROR ra", answer: []string{"9.2.0.192.in-addr.arpa. 60 A 192.0.2.1"}}, // not an address of ours
		row{ask: "1.0.0.10.in-addr.arpa. PTR", code: "NOERROR aa ra", answer: []string{"1.0.0.10.in-addr.arpa. 0 PTR n1.node.dc1.consul."}},
		row{ask: "nothing.service.consul. A", code: "NXDOMAIN aa ra", ns: negative},
	)
}

func TestForwardTakesTheNext(t *testing.T) {
	dead := &upstream{addr: "127.0.0.1:1"}
	refusing := newUpstream(t, func(m *dns.Msg, _ bool) { m.Rcode, m.Answer = dns.RcodeRefused, nil })
	liar := newUpstream(t, func(m *dns.Msg, _ bool) { m.Question[0].Name = "other.example.com." })
	negative := newUpstream(t, func(m *dns.Msg, _ bool) { m.Rcode, m.Answer = dns.RcodeNameError, nil })
	good := newUpstream(t, nil)
	w := recursing(t, dead, refusing, liar, good, negative)
	w.try(t, row{ask: "www.example.com. A", code: "NOERROR ra", answer: []string{"www.example.com. 60 A 192.0.2.1"}})
	if negative.asked.Load() != 0 {
		t.Error("servers after the one that knows are asked")
	}
	recursing(t, negative, good).try(t, row{ask: "www.example.com. A", code: "NXDOMAIN ra"})
	recursing(t, dead, refusing).try(t, row{ask: "www.example.com. A", code: "SERVFAIL ra"})
	w.RecursorRandom = true
	for range 200 { // by chance the negative one comes first
		if m := w.ask(t, "www.example.com. A"); m.Rcode == dns.RcodeNameError {
			return
		}
	}
	t.Error("in random order the last server never came first")
}

func TestForwardGivesUp(t *testing.T) {
	silent := newUpstream(t, func(m *dns.Msg, _ bool) { m.Id = 0 })
	w := recursing(t, silent, newUpstream(t, nil))
	w.RecursorTimeout = 50 * time.Millisecond
	w.try(t, row{ask: "www.example.com. A", code: "NOERROR ra", answer: []string{"www.example.com. 60 A 192.0.2.1"}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w = recursing(t, newUpstream(t, func(m *dns.Msg, _ bool) { m.Id = 0; cancel() })) // a question that is under way ends with the server
	h := newHandler(ctx, w.Config, w, slog.New(slog.DiscardHandler))
	req, _ := asked(t, "www.example.com. A")
	if m := w.reply(t, h, req, true); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("after the end: %v", m)
	}
}

func TestForwardFits(t *testing.T) {
	big := newUpstream(t, func(m *dns.Msg, tcp bool) {
		if !tcp {
			m.Truncated, m.Answer = true, nil
			return
		}
		for i := range 100 {
			m.Answer = append(m.Answer, &dns.A{Hdr: header(m.Question[0].Name, dns.TypeA, 60), A: net.IPv4(192, 0, 2, byte(i))})
		}
	})
	w := recursing(t, big)
	if m := w.ask(t, "www.example.com. A"); !m.Truncated || len(m.Answer) > 0 {
		t.Errorf("over UDP: %v, want it truncated as the recursor does", m)
	}
	if m := w.ask(t, "www.example.com. A tcp"); m.Truncated || len(m.Answer) != 101 {
		t.Errorf("over TCP: %d answers, want all", len(m.Answer))
	}
}

func TestAliasesLeadOut(t *testing.T) {
	w := recursing(t, newUpstream(t, nil))
	w.try(t,
		row{ask: "named.service.consul. A", code: "NOERROR aa ra", answer: []string{"named.service.consul. 0 CNAME www.example.com.", "www.example.com. 60 A 192.0.2.1"}},
		row{ask: "named.service.consul. CNAME", code: "NOERROR aa ra", answer: []string{"named.service.consul. 0 CNAME www.example.com."}},
		row{ask: "named.service.consul. SRV", code: "NOERROR aa ra", answer: []string{"named.service.consul. 0 SRV 1 1 443 www.example.com."}, extra: []string{"www.example.com. 60 A 192.0.2.1"}},
	)
	big := newUpstream(t, func(m *dns.Msg, tcp bool) { m.Truncated = !tcp })
	recursing(t, big).try(t, row{ask: "named.service.consul. A", code: "NOERROR aa ra", answer: []string{"named.service.consul. 0 CNAME www.example.com.", "www.example.com. 60 A 192.0.2.2"}})
	// A recursor that does not answer spoils nothing.
	dead := &upstream{addr: "127.0.0.1:1"}
	recursing(t, dead).try(t, row{ask: "named.service.consul. A", code: "NOERROR aa ra", answer: []string{"named.service.consul. 0 CNAME www.example.com."}})
}

// TestNoCircle sends a question round: the recursor asks us again. It must end, with few questions.
func TestNoCircle(t *testing.T) {
	var back atomic.Value
	u := newUpstream(t, func(m *dns.Msg, _ bool) {
		c := dns.Client{Timeout: patience}
		got, _, err := c.Exchange(new(dns.Msg).SetQuestion(m.Question[0].Name, m.Question[0].Qtype), back.Load().(string))
		if err != nil {
			m.Id = 0
			return
		}
		m.Rcode, m.Answer = got.Rcode, got.Answer
	})
	w := recursing(t, u)
	w.RecursorTimeout = 200 * time.Millisecond
	s := serve(t, w, "127.0.0.1:0")
	back.Store(s.Addrs()[0])
	c := dns.Client{Timeout: patience}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), s.Addrs()[0])
	if err != nil || m.Rcode != dns.RcodeServerFailure {
		t.Errorf("%v %v", m, err)
	}
	if n := u.asked.Load(); n > 10 {
		t.Errorf("the recursor was asked %d times", n)
	}
}

// TestOurselves leaves out recursors that are this server.
func TestOurselves(t *testing.T) {
	var log strings.Builder
	s, err := Listen([]string{"127.0.0.1:0", "0.0.0.0:0"}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	one, all := s.Addrs()[0], s.Addrs()[1]
	_, port, _ := net.SplitHostPort(all)
	left := s.withoutUs(Config{Recursors: []string{one, "192.0.2.1:53", "127.0.0.1:" + port, "127.0.0.9:" + port}}).Recursors
	if !slices.Equal(left, []string{"192.0.2.1:53", "127.0.0.9:" + port}) || strings.Count(log.String(), "this server itself") != 2 {
		t.Errorf("%q are left of the recursors; the log says\n%s", left, log.String())
	}
}

// TestConfigure changes the config while questions are answered.
func TestConfigure(t *testing.T) {
	w := recursing(t, newUpstream(t, nil))
	recursors := w.Recursors
	w.Recursors = nil
	s := serve(t, w, "127.0.0.1:0")
	ask := func() int {
		c := dns.Client{Timeout: patience}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA), s.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		return m.Rcode
	}
	if code := ask(); code != dns.RcodeRefused {
		t.Errorf("without recursors: %s", dns.RcodeToString[code])
	}
	w.Recursors = recursors
	s.Configure(w.Config)
	if code := ask(); code != dns.RcodeSuccess {
		t.Errorf("with recursors: %s", dns.RcodeToString[code])
	}
}

// TestMaxStale asks the leader once this member has not heard from it for too long.
func TestMaxStale(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	w.MaxStale = 5 * time.Second
	for _, tt := range []struct {
		silent time.Duration
		fresh  int64
	}{{4 * time.Second, 0}, {6 * time.Second, 1}} {
		w.silent = tt.silent
		w.fresh.Store(0)
		w.try(t, row{ask: "n1.node.consul. A", code: "NOERROR aa", answer: []string{"n1.node.consul. 0 A 10.0.0.1"}})
		if got := w.fresh.Load(); got != tt.fresh {
			t.Errorf("after %s of silence the leader was asked %d times, want %d", tt.silent, got, tt.fresh)
		}
	}
}
