package dnsapi

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

func BenchmarkAnswer(b *testing.B) {
	for _, bb := range []struct {
		name  string
		n     int
		qtype uint16
		edns  uint16
		udp   bool
	}{
		{"A of 3", 3, dns.TypeA, 1232, true},
		{"SRV of 3", 3, dns.TypeSRV, 1232, true},
		{"SRV of 200, UDP 512", 200, dns.TypeSRV, 0, true},
		{"SRV of 200, UDP 1232", 200, dns.TypeSRV, 1232, true},
		{"SRV of 200, TCP", 200, dns.TypeSRV, 1232, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			w := newWorld(b, many(bb.n)...)
			h := newHandler(b.Context(), w.Config, w, slog.New(slog.DiscardHandler))
			req := new(dns.Msg).SetQuestion("web.service.consul.", bb.qtype)
			if bb.edns > 0 {
				req.SetEdns0(bb.edns, false)
			}
			b.ReportAllocs()
			for b.Loop() {
				if h.answer(req, bb.udp, netip.Addr{}) == nil {
					b.Fatal("no answer")
				}
			}
		})
	}
}
