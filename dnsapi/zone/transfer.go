package zone

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// transferChunk is how many records one message of a transfer carries.
const transferChunk = 200

// IsTransfer reports whether a request asks for a whole zone.
func IsTransfer(req *dns.Msg) bool {
	if req.Opcode != dns.OpcodeQuery || len(req.Question) != 1 {
		return false
	}
	t := req.Question[0].Qtype
	return t == dns.TypeAXFR || t == dns.TypeIXFR
}

// Transfer sends a zone to one of its secondaries (RFC 5936); a request for the difference (RFC 1995) gets the whole, too, which it must
// take. Over UDP the difference is refused with the SOA alone, so that the secondary comes by TCP. A code that is no success is what the
// caller is to answer with: nothing was sent.
func (z *Set) Transfer(w dns.ResponseWriter, req *dns.Msg) (rcode int) {
	q := req.Question[0]
	s := z.Of(strings.ToLower(q.Name))
	if s == nil || !strings.EqualFold(s.Name, q.Name) {
		return dns.RcodeNotAuth
	}
	if !s.mayTransfer(w.RemoteAddr()) {
		z.log.Warn("a transfer is refused: the client is none of the zone's secondaries", "zone", s.Name, "client", w.RemoteAddr().String())
		return dns.RcodeRefused
	}
	content := s.content.Load()
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	switch {
	case content == nil:
		return dns.RcodeServerFailure
	case udp && q.Qtype == dns.TypeAXFR:
		return dns.RcodeFormatError
	}
	rrs := []dns.RR{content.soa}
	if !udp {
		rrs = slices.Concat(rrs, content.all, rrs)
	}
	for chunk := range slices.Chunk(rrs, transferChunk) {
		m := new(dns.Msg).SetReply(req)
		m.Authoritative, m.Compress, m.Answer = true, true, chunk
		if err := w.WriteMsg(m); err != nil {
			z.log.Warn("a transfer has ended early", "zone", s.Name, "client", w.RemoteAddr().String(), "error", err)
			break
		}
	}
	return dns.RcodeSuccess
}

// mayTransfer reports whether a client is one of the secondaries, whatever its port.
func (s *Served) mayTransfer(client net.Addr) bool {
	from, err := netip.ParseAddrPort(client.String())
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.Secondaries, func(a string) bool {
		p, err := netip.ParseAddrPort(a)
		return err == nil && p.Addr().Unmap() == from.Addr().Unmap()
	})
}
