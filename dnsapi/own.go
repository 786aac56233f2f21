package dnsapi

import (
	"strings"

	"github.com/miekg/dns"

	"holdfast/cluster/state"
	"holdfast/dnsapi/zone"
)

// fromZone is the reply of a zone of our own.
func (h *handler) fromZone(c *Config, req *dns.Msg, o *dns.OPT, s *zone.Served) *dns.Msg {
	content := s.Content()
	if content == nil || h.behind.Load() {
		return bare(c, req, o, dns.RcodeServerFailure)
	}
	q := req.Question[0]
	a := content.Answer(q.Name, q.Qtype)
	found := records{rcode: a.Rcode, answer: a.Answer, ns: a.Ns, extra: a.Extra}
	if a.Leads != "" {
		h.leadOut(c, &found, a.Leads, q.Qtype)
	}
	m := bare(c, req, o, found.rcode)
	m.Compress, m.Authoritative = !c.DisableCompression, a.Authoritative
	m.Answer, m.Ns = found.answer, found.ns
	m.Extra = append(found.extra, m.Extra...)
	return m
}

// leadOut follows an alias that leads out of a zone: into the catalog's domain, or elsewhere where there are recursors.
func (h *handler) leadOut(c *Config, out *records, to string, qtype uint16) {
	n := parseName(c, strings.ToLower(to))
	if n.kind == foreign {
		if c.recurses() {
			out.chase = append(out.chase, target{name: to, qtype: qtype})
			h.chase(c, out)
		}
		return
	}
	err := h.query(h.ctx, c, func(v *state.View) error {
		there := (&responder{view: v, cfg: c, name: n, owner: to, qtype: qtype, most: maxUDP / leastRecord}).respond()
		out.answer, out.extra = append(out.answer, there.answer...), append(out.extra, there.extra...)
		return nil
	})
	if err != nil {
		h.log.Debug("cannot follow an alias into the catalog", "name", to, "error", err)
	}
}
