package dnsapi

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/dnsapi/socket"
	"holdfast/dnsapi/zone"
)

// put sets a key of the store.
func (w *world) put(t *testing.T, key, value string) {
	t.Helper()
	w.apply(t, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}})
}

// exampleZone is a world that serves example.org.
func exampleZone(t *testing.T, secondaries ...string) *world {
	t.Helper()
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	w.Zones = []zone.Config{{Name: "example.org", Prefix: "dns/example.org/", TTL: 5 * time.Minute, Secondaries: secondaries}}
	for key, value := range map[string]string{
		"@": "NS ns1\nNS ns2.example.net.\n60 MX 10 mail", "ns1": "A 192.0.2.1", "mail": "A 192.0.2.25\nAAAA 2001:db8::25", "www": "A 192.0.2.80\n; a remark\nTXT \"a; b\"",
		"alias": "CNAME www", "loop": "CNAME loop", "out": "CNAME elsewhere.example.net.", "catalog": "CNAME web.service.consul.", "deep.below": "A 192.0.2.2",
		"*.wild": "A 192.0.2.99", "sub": "NS ns.sub", "ns.sub": "A 192.0.2.53", "folder/": "", "_sip._tcp": "SRV 1 2 5060 mail",
	} {
		w.put(t, "dns/example.org/"+key, value)
	}
	return w
}

// following is a handler whose zones have been read.
func following(t *testing.T, w *world, log *slog.Logger) *handler {
	t.Helper()
	h := newHandler(t.Context(), w.Config, w, log)
	h.zones.Replace(t.Context(), w.Zones)
	soon(t, "the zone is read", func() (bool, string) { return h.zones.Of("example.org.").Content() != nil, "" })
	return h
}

// soa is the authority section of a negative answer of example.org.
var soaOfExample = []string{"example.org. 300 SOA ns1.example.org. hostmaster.example.org. 3600 600 604800 300"}

func TestZone(t *testing.T) {
	w := exampleZone(t)
	h := following(t, w, slog.New(slog.DiscardHandler))
	for _, r := range []row{
		{ask: "www.example.org. A", code: "NOERROR aa", answer: []string{"www.example.org. 300 A 192.0.2.80"}},
		{ask: "WWW.example.ORG. TXT", code: "NOERROR aa", answer: []string{`WWW.example.ORG. 300 TXT "a; b"`}},
		{ask: "www.example.org. AAAA", code: "NOERROR aa", ns: soaOfExample},
		{ask: "nothing.example.org. A", code: "NXDOMAIN aa", ns: soaOfExample},
		{ask: "below.example.org. A", code: "NOERROR aa", ns: soaOfExample}, // exists because of deep.below
		{ask: "example.org. SOA", code: "NOERROR aa", answer: soaOfExample},
		{ask: "example.org. NS", code: "NOERROR aa", answer: []string{"example.org. 300 NS ns1.example.org.", "example.org. 300 NS ns2.example.net."}, extra: []string{"ns1.example.org. 300 A 192.0.2.1"}},
		{ask: "example.org. MX", code: "NOERROR aa", answer: []string{"example.org. 60 MX 10 mail.example.org."}, extra: []string{"mail.example.org. 300 A 192.0.2.25", "mail.example.org. 300 AAAA 2001:db8::25"}},
		{ask: "_sip._tcp.example.org. SRV", code: "NOERROR aa", answer: []string{"_sip._tcp.example.org. 300 SRV 1 2 5060 mail.example.org."}, extra: []string{"mail.example.org. 300 A 192.0.2.25", "mail.example.org. 300 AAAA 2001:db8::25"}},
		{ask: "alias.example.org. A", code: "NOERROR aa", answer: []string{"alias.example.org. 300 CNAME www.example.org.", "www.example.org. 300 A 192.0.2.80"}},
		{ask: "alias.example.org. CNAME", code: "NOERROR aa", answer: []string{"alias.example.org. 300 CNAME www.example.org."}},
		{ask: "out.example.org. A", code: "NOERROR aa", answer: []string{"out.example.org. 300 CNAME elsewhere.example.net."}},
		{ask: "catalog.example.org. A", code: "NOERROR aa", answer: []string{"catalog.example.org. 300 CNAME web.service.consul.", "web.service.consul. 0 A 10.0.0.1"}},
		{ask: "any.thing.wild.example.org. A", code: "NOERROR aa", answer: []string{"any.thing.wild.example.org. 300 A 192.0.2.99"}},
		{ask: "wild.example.org. A", code: "NOERROR aa", ns: soaOfExample},
		{ask: "host.sub.example.org. A", code: "NOERROR", ns: []string{"sub.example.org. 300 NS ns.sub.example.org."}, extra: []string{"ns.sub.example.org. 300 A 192.0.2.53"}},
		{ask: "www.example.net. A", code: "REFUSED"},
		{ask: "web.service.consul. A", code: "NOERROR aa", answer: []string{"web.service.consul. 0 A 10.0.0.1"}},
	} {
		req, udp := asked(t, r.ask)
		w.compare(t, r, req, w.reply(t, h, req, udp))
	}
	req, _ := asked(t, "loop.example.org. A")
	if m := w.reply(t, h, req, true); len(m.Answer) == 0 || len(m.Answer) > 10 {
		t.Errorf("a circle of aliases: %v", m)
	}
}

// TestZoneFollows holds that a change of a key is answered, with a higher serial, and that what cannot be read spoils nothing else.
func TestZoneFollows(t *testing.T) {
	var log syncWriter
	w := exampleZone(t)
	h := following(t, w, slog.New(slog.NewTextHandler(&log, nil)))
	before := h.zones.Of("example.org.").Content().Serial()
	for _, bad := range []struct{ key, value, why string }{
		{"bad1", "A 192.0.2", "bad1"},
		{"bad2", "$INCLUDE /etc/passwd", "bad2"},
		{"bad3", "CNAME www\nA 192.0.2.1", "stand alone"},
		{"bad 4", "A 192.0.2.1", "not a name below"},
		{"bad5", "$GENERATE 1-1000 a$ A 192.0.2.1", "bad5"},
		{"bad6", "A 192.0.2.1\nother.example.org. A 192.0.2.1", "bad6"},
		{strings.Repeat("a", 64), "A 192.0.2.1", "not a name"},
	} {
		w.put(t, "dns/example.org/"+bad.key, bad.value)
		soon(t, "the log says what is wrong with "+bad.key, func() (bool, string) {
			return strings.Contains(log.String(), bad.why) && !strings.Contains(log.String(), "root:"), log.String()
		})
	}
	w.put(t, "dns/example.org/www", "A 192.0.2.81")
	want := func(what, ask, answer string, code int) {
		t.Helper()
		soon(t, what, func() (bool, string) {
			req, udp := asked(t, ask)
			m := w.reply(t, h, req, udp)
			return m.Rcode == code && strings.Join(written(m.Answer), " ") == answer, m.String()
		})
	}
	want("the change is answered", "www.example.org. A", "www.example.org. 300 A 192.0.2.81", dns.RcodeSuccess)
	if after := h.zones.Of("example.org.").Content().Serial(); after <= before {
		t.Errorf("the serial was %d and is %d", before, after)
	}
	w.put(t, "dns/example.org/@", "SOA ns9 admin 1 2 3 4 5\nNS ns9")
	want("the SOA is the one that was written, but for its serial", "example.org. SOA", "example.org. 300 SOA ns9.example.org. admin.example.org. 2 3 4 5", dns.RcodeSuccess)
	w.apply(t, &cluster.KVWrite{Verb: cluster.KVDeleteTree, Entry: cluster.KVEntry{Key: "dns/example.org/"}})
	want("a zone without records answers nothing", "www.example.org. A", "", dns.RcodeServerFailure)
}

// secondary is a server that is told of changes.
type secondary struct {
	mu       sync.Mutex // guards following
	notified []string
}

func (s *secondary) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	s.mu.Lock()
	s.notified = append(s.notified, fmt.Sprint(dns.OpcodeToString[req.Opcode], " ", req.Question[0].Name))
	s.mu.Unlock()
	_ = w.WriteMsg(new(dns.Msg).SetReply(req))
}

// TestTransfer lets a secondary hear of a change and fetch the zone, and nobody else.
func TestTransfer(t *testing.T) {
	sec := &secondary{}
	ps, l, err := socket.Bind("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	for _, p := range ps {
		d := &dns.Server{PacketConn: p.UDPConn, Handler: sec}
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go func() { _ = d.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = d.Shutdown() })
	}
	w := exampleZone(t, ps[0].LocalAddr().String())
	for i := range 500 {
		w.put(t, fmt.Sprintf("dns/example.org/host%d", i), "A 192.0.2.7")
	}
	s := serve(t, w, "127.0.0.1:0", "127.0.0.2:0")
	told := func() (bool, string) {
		sec.mu.Lock()
		defer sec.mu.Unlock()
		return len(sec.notified) > 0 && sec.notified[0] == "NOTIFY example.org.", fmt.Sprint(sec.notified)
	}
	soon(t, "the secondary is told", told)
	for _, qtype := range []string{"AXFR", "IXFR"} {
		rrs := fetchZone(t, s.Addrs()[0], qtype)
		if len(rrs) < 515 || rrs[0].Header().Rrtype != dns.TypeSOA || rrs[len(rrs)-1].Header().Rrtype != dns.TypeSOA {
			t.Errorf("%s: %d records, want all between two SOA", qtype, len(rrs))
		}
	}
	sec.mu.Lock()
	sec.notified = nil
	sec.mu.Unlock()
	w.put(t, "dns/example.org/new", "A 192.0.2.8")
	soon(t, "the secondary is told of a change", told)
	for _, tt := range []struct {
		from, name string
		want       int
	}{{"127.0.0.2", "example.org.", dns.RcodeRefused}, {"127.0.0.1", "example.net.", dns.RcodeNotAuth}, {"127.0.0.1", "www.example.org.", dns.RcodeNotAuth}} {
		c := dns.Client{Net: "tcp", Timeout: patience, Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(tt.from)}}}
		m, _, err := c.Exchange(new(dns.Msg).SetAxfr(tt.name), s.Addrs()[0])
		if err != nil || m.Rcode != tt.want || len(m.Answer) > 0 {
			t.Errorf("a transfer of %s from %s: %v %v, want %s", tt.name, tt.from, m, err, dns.RcodeToString[tt.want])
		}
	}
}

// fetchZone fetches a zone as a secondary does.
func fetchZone(t *testing.T, from, qtype string) (rrs []dns.RR) {
	t.Helper()
	req := new(dns.Msg).SetAxfr("example.org.")
	if qtype == "IXFR" {
		req.SetIxfr("example.org.", 1, "ns1.example.org.", "hostmaster.example.org.")
	}
	tr := &dns.Transfer{DialTimeout: patience, ReadTimeout: patience}
	all, err := tr.In(req, from)
	if err != nil {
		t.Fatal(err)
	}
	for e := range all {
		if e.Error != nil {
			t.Fatalf("%s: %v", qtype, e.Error)
		}
		rrs = append(rrs, e.RR...)
	}
	return rrs
}

// TestZonesReload follows other zones after a reload.
func TestZonesReload(t *testing.T) {
	w := exampleZone(t)
	s := serve(t, w, "127.0.0.1:0")
	rcode := func(want int) func() (bool, string) {
		return func() (bool, string) {
			c := dns.Client{Timeout: patience}
			m, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA), s.Addrs()[0])
			return err == nil && m.Rcode == want, fmt.Sprint(m, err)
		}
	}
	soon(t, "the zone is served", rcode(dns.RcodeSuccess))
	without := w.Config
	without.Zones = nil
	s.Configure(without)
	soon(t, "the zone is served no more", rcode(dns.RcodeRefused))
	s.Configure(w.Config)
	soon(t, "the zone is served again", rcode(dns.RcodeSuccess))
}
