package dnsapi

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

// FuzzPacket sends bytes as a client would: the answer is silence, or a message that can be read and that answers the question.
func FuzzPacket(f *testing.F) {
	w := newWorld(f, append(many(40),
		runs(at("s1", "10.0.0.1"), "consul", 8300), with(at("n1", "fd00::1"), map[string]string{"k": "v"}),
		on(runs(at("n1", "fd00::1"), "named", 443), "www.example.com"), on(runs(at("n1", "fd00::1"), "inside", 443), "web.service.consul"),
		in(runs(at("n1", "fd00::1"), "dead", 1), cluster.Critical),
	)...)
	w.do(f, &cluster.PutPreparedQuery{Query: cluster.PreparedQuery{
		ID: "11111111-2222-3333-4444-555555555555", Name: "any-", Template: cluster.QueryTemplate{Type: cluster.TemplateByPrefix}, Service: cluster.QueryService{Service: "${name.suffix}", Near: "_ip"},
	}})
	for name, qtype := range map[string]uint16{
		"web.service.consul.": dns.TypeA, "_web._tcp.service.consul.": dns.TypeSRV, "inside.service.consul.": dns.TypeSRV,
		"n1.node.dc1.consul.": dns.TypeANY, "1.0.0.10.in-addr.arpa.": dns.TypePTR, "consul.": dns.TypeSOA, "no.where.": dns.TypeAAAA, ".": dns.TypeNS,
		"named.service.consul.": dns.TypeA, "dead.service.consul.": dns.TypeTXT, "0a000001.addr.consul.": dns.TypeA, "any-web.query.consul.": dns.TypeSRV,
	} {
		m := new(dns.Msg).SetQuestion(name, qtype)
		plain, _ := m.Pack()
		m.SetEdns0(1232, true)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IP{192, 0, 2, 0}}}
		edns, _ := m.Pack()
		f.Add(plain, true)
		f.Add(edns, true)
		f.Add(edns, false)
	}
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1}, true) // a name that points at itself
	h := newHandler(f.Context(), w.Config, w, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, b []byte, udp bool) {
		var req, got dns.Msg
		if req.Unpack(b) != nil {
			return
		}
		wire := h.answer(&req, udp, netip.MustParseAddr("10.0.0.1"))
		if wire == nil {
			return
		}
		if h.logged.Load() != 0 {
			t.Fatalf("the answer to %v could not be written", &req)
		}
		if err := readable(&got, wire, roomFor(&w.Config, req.IsEdns0(), udp).size); err != nil {
			t.Fatalf("%v\nto %v", err, &req)
		}
		if got.Id != req.Id || len(got.Question) > 1 || len(req.Question) == 1 && len(got.Question) == 1 && got.Question[0] != req.Question[0] {
			t.Errorf("the answer is to something else:\n%v\nto %v", &got, &req)
		}
	})
}

func readable(m *dns.Msg, wire []byte, size int) error {
	switch err := m.Unpack(wire); {
	case err != nil:
		return err
	case len(wire) > size:
		return errors.New("the answer is longer than the client takes")
	case !m.Response:
		return errors.New("the answer is no response")
	case m.Truncated && m.Rcode != dns.RcodeSuccess:
		return errors.New("a failure is truncated")
	}
	return nil
}
