package dnsapi

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// maxUDP is the largest UDP message that is sent, whatever a client offers: what IP can carry.
const maxUDP = 65535 - 68

// takeUDP is the largest UDP message that is received, which EDNS0 tells the clients. Questions are small.
const takeUDP = 4096

// leastRecord is the size of the smallest answer: a pointer to the owner, type, class, TTL, length and an IPv4 address.
const leastRecord = 16

// room is what a client can take of an answer.
type room struct {
	size    int // bytes
	answers int // 0 for any number
}

// roomFor is the room there is for the answer to a request.
func roomFor(c *Config, o *dns.OPT, udp bool) room {
	switch {
	case !udp:
		return room{size: dns.MaxMsgSize - 1}
	case o != nil && o.UDPSize() > dns.MinMsgSize:
		return room{size: min(int(o.UDPSize()), maxUDP)}
	}
	return room{size: dns.MinMsgSize, answers: c.UDPAnswerLimit}
}

// most is how many answers are worth making: one more than can be sent, to see that some are left out.
func (r room) most() int {
	n := r.size / leastRecord
	if r.answers > 0 {
		n = min(n, r.answers)
	}
	return n + 1
}

// message makes the message with what was found.
func message(c *Config, req *dns.Msg, o *dns.OPT, n name, found records) *dns.Msg {
	m := bare(c, req, o, found.rcode)
	m.Compress = !c.DisableCompression
	m.Authoritative = true
	m.Answer, m.Ns = found.answer, found.ns
	if s := subnet(m.IsEdns0()); s != nil && found.personal {
		s.SourceScope = s.SourceNetmask // the answer is for those who ask from there alone
	}
	m.Extra = append(found.extra, m.Extra...)
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{soa(c, n.domain, n.domain)} // its minimum is how long nothing may be remembered (RFC 2308)
	}
	return m
}

// bare makes a message with the question and a code alone. EDNS0 is answered with EDNS0 (RFC 6891); a client subnet comes back with scope 0:
// the answer is for everyone (RFC 7871).
func bare(c *Config, req *dns.Msg, o *dns.OPT, rcode int) *dns.Msg {
	m := new(dns.Msg)
	m.SetRcode(req, rcode)
	m.RecursionAvailable = c.recurses()
	if o == nil {
		return m
	}
	back := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	back.SetUDPSize(takeUDP)
	if o.Do() {
		back.SetDo()
	}
	if s := subnet(o); s != nil {
		whole := *s
		whole.SourceScope = 0
		back.Option = append(back.Option, &whole)
	}
	m.Extra = []dns.RR{back}
	return m
}

// subnet is the client subnet that EDNS0 carries, nil for none.
func subnet(o *dns.OPT) *dns.EDNS0_SUBNET {
	if o == nil {
		return nil
	}
	for _, option := range o.Option {
		if s, ok := option.(*dns.EDNS0_SUBNET); ok {
			return s
		}
	}
	return nil
}

// askedFrom is where the client is: in the subnet that a resolver names on its behalf, else where the message came from.
func askedFrom(o *dns.OPT, client netip.Addr) netip.Addr {
	if s := subnet(o); s != nil {
		if a, ok := netip.AddrFromSlice(s.Address); ok {
			return a.Unmap()
		}
	}
	return client.Unmap().WithZone("")
}

// pack writes a message, cut to the room there is.
func pack(m *dns.Msg, r room, truncate bool) ([]byte, error) {
	if r.answers > 0 && len(m.Answer) > r.answers {
		cut(m, r.answers)
		m.Truncated = truncate
	}
	for {
		wire, err := m.Pack()
		if err != nil || len(wire) <= r.size {
			return wire, err
		}
		answers := len(m.Answer)
		if dropText(m) {
			continue
		}
		switch {
		case answers == 0 && m.Ns == nil:
			return wire, nil // a question and its echo, which is all there can be
		case m.Ns != nil: // what nobody asked for goes first
			m.Ns = nil
			m.Truncated = m.Truncated || answers == 0
			cut(m, answers)
		default: // a message is about as long as its answers are many: drop in proportion, one at least
			keep := min(answers-1, answers*r.size/len(wire))
			cut(m, keep)
			m.Truncated = m.Truncated || truncate || keep == 0
		}
	}
}

// dropText drops the metadata of nodes that nobody asked for, and reports whether there was any.
func dropText(m *dns.Msg) bool {
	had := len(m.Extra)
	m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeTXT })
	return len(m.Extra) < had
}

// cut leaves the first answers, and drops additional records of targets that are no longer among them.
func cut(m *dns.Msg, answers int) {
	m.Answer = m.Answer[:answers]
	targets := make(map[string]struct{}, answers)
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.SRV:
			targets[rr.Target] = struct{}{}
		case *dns.NS:
			targets[rr.Ns] = struct{}{}
		case *dns.SVCB:
			targets[rr.Target] = struct{}{}
		case *dns.HTTPS:
			targets[rr.Target] = struct{}{}
		}
	}
	kept := m.Extra[:0]
	for _, rr := range m.Extra {
		_, of := targets[rr.Header().Name]
		if of || rr.Header().Rrtype == dns.TypeOPT {
			kept = append(kept, rr)
		}
	}
	m.Extra = kept
}
