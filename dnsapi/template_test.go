package dnsapi

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

// TestTemplatesAnswer holds that ordinary questions about services take the short way, and which ones do not.
func TestTemplatesAnswer(t *testing.T) {
	w := newWorld(t, append(many(5),
		on(runs(at("n1", "fd00::1"), "named", 443), "www.example.com"), runs(at("n1", "fd00::1"), "six", 443),
		in(runs(at("n1", "fd00::1"), "dead", 1), cluster.Critical))...)
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	for ask, want := range map[string]bool{
		"web.service.consul. A":               true,
		"WEB.sErvice.CONSUL. A rd edns=1232":  true,
		"web.service.dc1.consul. SRV":         true,
		"_web._tcp.service.consul. SRV":       true,
		"six.service.consul. AAAA":            true,
		"six.service.consul. A":               false, // nothing of the type
		"web.service.consul. ANY":             false,
		"nothing.service.consul. A":           false,
		"dead.service.consul. A":              false,
		"named.service.consul. SRV":           false, // where the name leads is not the service's to say
		"n1.node.consul. AAAA":                false,
		"consul. SOA":                         false,
		"nobodys-tag.web.service.consul. SRV": false,
	} {
		req, _ := asked(t, ask)
		if got := w.quickly(t, h, req) != nil; got != want {
			t.Errorf("%s: answered from a template: %t, want %t", ask, got, want)
		}
	}
	stale, uncompressed := w.Config, w.Config
	stale.AllowStale, uncompressed.DisableCompression = false, true
	for _, cfg := range []Config{stale, uncompressed} {
		req, _ := asked(t, "web.service.consul. A")
		if w.quickly(t, newHandler(t.Context(), cfg, w, slog.New(slog.DiscardHandler)), req) != nil {
			t.Errorf("a template answers although the config says otherwise: %+v", cfg)
		}
	}
}

// TestTemplatesFollow holds that a template never outlives what it was made of, nor the config.
func TestTemplatesFollow(t *testing.T) {
	w := newWorld(t, runs(at("n1", "10.0.0.1"), "web", 80))
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	p := newPackets(h, nil)
	req, _ := asked(t, "web.service.consul. A")
	wire, err := req.Pack()
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, want ...string) {
		t.Helper()
		var got dns.Msg
		if b := p.quick(wire); b == nil {
			got = *w.reply(t, h, req, true)
		} else if err := got.Unpack(b); err != nil {
			t.Fatal(err)
		}
		same(t, what, written(got.Answer), want)
	}
	want("at first", "web.service.consul. 0 A 10.0.0.1")
	want("again", "web.service.consul. 0 A 10.0.0.1")
	w.register(t, runs(at("n2", "10.0.0.2"), "web", 80))
	want("with another instance", "web.service.consul. 0 A 10.0.0.1", "web.service.consul. 0 A 10.0.0.2")
	w.register(t, in(runs(at("n1", "10.0.0.1"), "web", 80), cluster.Critical))
	want("without the critical one", "web.service.consul. 0 A 10.0.0.2")
	cfg := w.Config
	cfg.ServiceTTL = map[string]time.Duration{"*": 7 * time.Second}
	h.cfg.Store(cfg.canonical())
	want("after a reload", "web.service.consul. 7 A 10.0.0.2")
	w.register(t, at("n2", "10.0.0.3"))
	want("with the node elsewhere", "web.service.consul. 7 A 10.0.0.3")
}

// TestTemplatesAgree asks many questions of many catalogs both ways: every answer of a template is one that the long way could give.
func TestTemplatesAgree(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 30, 200} {
		nodes := many(n)
		for i := range nodes {
			if n != 2 && i%3 != 1 { // some nodes have metadata
				with(nodes[i], map[string]string{"role": "web", "note": strings.Repeat("x", min(9*n, 500))})
			}
		}
		w := newWorld(t, nodes...)
		w.NodeMetaTXT = true
		for _, limits := range [][2]int{{0, 0}, {3, 0}, {0, 2}, {5, 1}} {
			w.UDPAnswerLimit, w.ARecordLimit, w.Truncate = limits[0], limits[1], n%2 == 0
			h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
			for _, ask := range []string{"A", "SRV", "A edns=512", "SRV edns=512", "A edns=1232 rd", "SRV edns=1232", "SRV edns=4096", "A edns=65535", "SRV edns=65535"} {
				ask = "web.service.consul. " + ask
				req, _ := asked(t, ask)
				what := fmt.Sprintf("%d instances, limits %v, %s", n, limits, ask)
				short, long := w.quickly(t, h, req), w.reply(t, h, req, true)
				if short == nil {
					t.Fatalf("%s: no template", what)
				}
				if size := roomFor(&w.Config, req.IsEdns0(), true).size; w.length > size {
					t.Errorf("%s: %d bytes in a message of %d", what, w.length, size)
				}
				agree(t, what, short, long)
			}
		}
	}
}

// agree compares two answers to one question, which may be different choices of the same records.
func agree(t *testing.T, what string, short, long *dns.Msg) {
	t.Helper()
	if code(short) != code(long) && len(short.Answer) == len(long.Answer) {
		t.Errorf("%s: %s, want %s", what, code(short), code(long))
	}
	if few, many := len(short.Answer), len(long.Answer); few < many-many/4 || few == 0 {
		t.Errorf("%s: %d answers, the long way has %d", what, few, many)
	}
	targets := map[string]int{}
	for _, rr := range short.Answer {
		if targets[rr.String()]++; targets[rr.String()] > 1 {
			t.Errorf("%s: %v twice", what, rr)
		}
		srv, ok := rr.(*dns.SRV)
		if ok && !slices.ContainsFunc(short.Extra, func(e dns.RR) bool { return strings.EqualFold(e.Header().Name, srv.Target) }) {
			t.Errorf("%s: no address of %s", what, srv.Target)
		}
	}
}

// TestTemplatesShuffle holds that every instance is given out, and each first in turn.
func TestTemplatesShuffle(t *testing.T) {
	w := newWorld(t, many(10)...)
	h := newHandler(t.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	first := map[string]int{}
	const asks = 2000
	for range asks {
		req, _ := asked(t, "web.service.consul. A")
		first[written(w.quickly(t, h, req).Answer[:1])[0]]++
	}
	if len(first) != 10 {
		t.Errorf("%d of 10 instances came first", len(first))
	}
	for a, n := range first {
		if n < asks/20 || n > asks/5 {
			t.Errorf("%s came first %d times of %d", a, n, asks)
		}
	}
}

// FuzzQuestion holds that the short way of reading a question sees nothing that package dns does not.
func FuzzQuestion(f *testing.F) {
	for _, ask := range []string{"web.service.consul. A", "WEB.x-y_z.service.consul. SRV rd edns=1232", ". NS"} {
		name, rest, _ := strings.Cut(ask, " ")
		m := new(dns.Msg).SetQuestion(name, dns.StringToType[strings.Fields(rest)[0]])
		plain, _ := m.Pack()
		m.SetEdns0(1232, true)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
		edns, _ := m.Pack()
		f.Add(plain)
		f.Add(edns)
	}
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		q, ok := readQuestion(b)
		if !ok {
			return
		}
		var m dns.Msg
		if err := m.Unpack(b); err != nil {
			t.Fatalf("package dns cannot read it: %v", err)
		}
		o := m.IsEdns0()
		if m.Response || m.Opcode != 0 || len(m.Question) != 1 || len(m.Answer)+len(m.Ns) != 0 || q.id != m.Id || q.edns != (o != nil) ||
			q.text() != strings.ToLower(m.Question[0].Name) || q.qtype != m.Question[0].Qtype || m.Question[0].Qclass != dns.ClassINET {
			t.Fatalf("read as %+v, package dns reads %v", q, &m)
		}
		if o != nil && (o.UDPSize() != q.size || o.Do() != q.do || o.Version() != 0) {
			t.Fatalf("EDNS0 read as %+v, package dns reads %v", q, o)
		}
	})
}

// FuzzUnpack holds that any packet is answered with silence, with something that can be read, or is a request.
func FuzzUnpack(f *testing.F) {
	b := make([]byte, 40)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	f.Add(b)
	f.Add([]byte{0, 1, 0x28, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		req, answer := unpack(b)
		if answer == nil {
			return
		}
		var m dns.Msg
		if err := m.Unpack(answer); req != nil || err != nil || !m.Response || m.Rcode == dns.RcodeSuccess {
			t.Fatalf("%v %v: %v", req, &m, err)
		}
	})
}
