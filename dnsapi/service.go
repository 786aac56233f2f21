package dnsapi

import (
	"math/rand/v2"
	"net/netip"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// service answers with the healthy instances in random order.
func (r *responder) service(out *records) {
	r.instances(out, instances(r.view, r.cfg, r.name))
}

// abroad answers with the healthy instances of another datacenter.
func (r *responder) abroad(out *records) {
	if r.ctx == nil {
		return // an alias of a zone leads there: it is answered alone
	}
	all, err := r.cfg.Abroad.Instances(r.ctx, r.name.dc, r.name.subject)
	if err != nil && cluster.CodeOf(err) != cluster.NotFound {
		out.err = err
		return
	}
	r.instances(out, healthy(all, r.cfg, r.name))
}

// instances answers with instances in random order.
func (r *responder) instances(out *records, found []state.Instance) {
	if len(found) == 0 {
		out.rcode = dns.RcodeNameError
		return
	}
	rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	ttl := r.cfg.serviceTTL(r.name.subject)
	switch r.qtype {
	case dns.TypeSRV:
		r.targets(out, found, ttl)
	case dns.TypeSVCB, dns.TypeHTTPS:
		r.bindings(out, found, ttl)
	default:
		r.hosts(out, found, ttl)
	}
}

// hosts answers with the addresses of the instances, each once. A name that an instance is registered with is answered only where none has
// an address: a CNAME stands alone (RFC 1034 section 3.6.2).
func (r *responder) hosts(out *records, found []state.Instance, ttl uint32) {
	most := r.most
	if limit := r.cfg.ARecordLimit; limit > 0 {
		most = min(most, limit)
	}
	alias, addresses := "", false
	seen := make(map[netip.Addr]struct{}, min(len(found), most))
	for _, i := range found {
		h := instanceHost(i)
		addresses = addresses || h.ip.IsValid()
		if h.name != "" {
			alias = h.name
		}
		if _, twice := seen[h.ip]; twice || !r.wantsIP(h.ip) {
			continue
		}
		if len(out.answer) == most {
			return
		}
		seen[h.ip] = struct{}{}
		out.answer = append(out.answer, address(r.owner, h.ip, ttl))
	}
	if !addresses && alias != "" {
		r.alias(out, alias, ttl)
	}
}

// targets answers with the SRV records of the instances (RFC 2782), each once, and adds the addresses of their targets.
func (r *responder) targets(out *records, found []state.Instance, ttl uint32) {
	type place struct {
		target string
		port   int
	}
	most := min(len(found), r.most)
	seen := make(map[place]struct{}, most)
	glued := make(map[string]struct{}, most)
	out.answer, out.extra = make([]dns.RR, 0, most), make([]dns.RR, 0, most)
	for _, i := range found {
		h := instanceHost(i)
		if h == (host{}) {
			continue
		}
		p := place{targetOf(r.cfg, r.name.domain, i, h), i.Service.Port}
		if _, twice := seen[p]; twice {
			continue
		}
		if len(out.answer) == most {
			return
		}
		seen[p] = struct{}{}
		out.answer = append(out.answer, &dns.SRV{
			Hdr: header(r.owner, dns.TypeSRV, ttl), Priority: 1, Weight: weight(i), Port: uint16(p.port), Target: p.target, //nolint:gosec // validated
		})
		if _, twice := glued[p.target]; !twice {
			glued[p.target] = struct{}{}
			r.glue(out, p.target, h, ttl)
			if r.cfg.NodeMetaTXT && p.target == nodeName(r.cfg, r.name.domain, i.Node.Name) {
				out.extra = append(out.extra, metadata(p.target, i.Node, ttl)...)
			}
		}
	}
}

// glue adds the addresses of a target.
func (r *responder) glue(out *records, to string, h host, ttl uint32) {
	if h.ip.IsValid() {
		out.extra = append(out.extra, address(to, h.ip, ttl))
		return
	}
	there := r.follow(to, dns.TypeANY)
	for _, rr := range there.answer {
		switch rr.Header().Rrtype {
		case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME:
			out.extra = append(out.extra, rr)
		}
	}
	for _, t := range there.chase {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			out.chase = append(out.chase, target{t.name, qtype, true})
		}
	}
}
