package dnsapi

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// records is what is found for a question.
type records struct {
	rcode             int
	answer, ns, extra []dns.RR
	chase             []target // names outside of our domains that the answer leads to
	personal          bool     // the answer depends on where the client is
	err               error    // there is no answer
}

// target is a name that is yet to be asked for elsewhere.
type target struct {
	name  string
	qtype uint16
	extra bool // what is found belongs into the additional section
}

// responder makes the records of one question.
type responder struct {
	ctx    context.Context // for what is asked of other datacenters; nil where nothing is
	view   *state.View
	cfg    *Config
	name   name
	owner  string     // the name as it was asked, letter case and all
	client netip.Addr // who asks; may be invalid
	qtype  uint16
	most   int // how many answers are worth making
	depth  int // how many aliases led here
}

func (r *responder) respond() records {
	var out records
	switch r.name.kind {
	case apex:
		r.apex(&out)
	case empty:
	case service:
		r.service(&out)
	case abroad:
		r.abroad(&out)
	case node:
		r.node(&out)
	case group:
		r.group(&out)
	case addr:
		r.host(&out, host{ip: r.name.addr}, r.cfg.nodeTTL())
	case preparedQuery:
		r.prepared(&out)
	case reverse:
		r.reverse(&out)
	default:
		out.rcode = dns.RcodeNameError
	}
	return out
}

func (r *responder) wants(t uint16) bool { return r.qtype == t || r.qtype == dns.TypeANY }

// wantsIP reports whether the address's record is of the type that was asked for.
func (r *responder) wantsIP(ip netip.Addr) bool {
	return ip.Is4() && r.wants(dns.TypeA) || ip.Is6() && r.wants(dns.TypeAAAA)
}

func header(owner string, t uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
}

// address is the A or AAAA record of an address.
func address(owner string, ip netip.Addr, ttl uint32) dns.RR {
	if ip.Is4() {
		return &dns.A{Hdr: header(owner, dns.TypeA, ttl), A: net.IP(ip.AsSlice())}
	}
	return &dns.AAAA{Hdr: header(owner, dns.TypeAAAA, ttl), AAAA: net.IP(ip.AsSlice())}
}

// host answers with the address of a host, or with the name it goes by.
func (r *responder) host(out *records, h host, ttl uint32) {
	switch {
	case h.name != "":
		r.alias(out, h.name, ttl)
	case r.wantsIP(h.ip):
		out.answer = append(out.answer, address(r.owner, h.ip, ttl))
	}
}

// maxAliases is how many names of ours are followed from one to the next. It is Consul's.
const maxAliases = 3

// alias answers with a CNAME, and with what it leads to where that is ours.
func (r *responder) alias(out *records, target string, ttl uint32) {
	out.answer = append(out.answer, &dns.CNAME{Hdr: header(r.owner, dns.TypeCNAME, ttl), Target: target})
	if r.qtype != dns.TypeCNAME {
		there := r.follow(target, r.qtype)
		out.answer = append(out.answer, there.answer...)
		out.extra = append(out.extra, there.extra...)
		out.chase = append(out.chase, there.chase...)
		out.personal = out.personal || there.personal
	}
}

// follow answers for a name that another one led to: nothing where it is too far, or not ours and nobody is asked about such names.
func (r *responder) follow(to string, qtype uint16) records {
	n := parseName(r.cfg, strings.ToLower(to))
	switch {
	case r.depth == maxAliases || n.kind == foreign && !r.cfg.recurses():
		return records{}
	case n.kind == foreign:
		return records{chase: []target{{name: to, qtype: qtype}}}
	}
	next := responder{view: r.view, cfg: r.cfg, name: n, owner: to, client: r.client, qtype: qtype, most: r.most, depth: r.depth + 1}
	return next.respond()
}

func (r *responder) node(out *records) {
	n := r.view.Node(r.name.subject)
	if n == nil {
		out.rcode = dns.RcodeNameError
		return
	}
	ttl := r.cfg.nodeTTL()
	h := hostOf(n.Address)
	if h.name == "" || r.qtype != dns.TypeTXT { // what is known of an external node beats where its alias leads
		r.host(out, h, ttl)
	}
	switch {
	case r.wants(dns.TypeTXT):
		out.answer = append(out.answer, metadata(r.owner, n, ttl)...)
	case r.cfg.NodeMetaTXT && r.depth == 0 && len(out.answer) > 0:
		out.extra = append(out.extra, metadata(r.owner, n, ttl)...)
	}
}

// metadata is a node's metadata as TXT records, "key=value" (RFC 1464); keys that begin with rfc1035- give their value alone.
func metadata(owner string, n *cluster.Node, ttl uint32) []dns.RR {
	var out []dns.RR
	for _, k := range slices.Sorted(maps.Keys(n.Meta)) {
		text := attribute(k) + "=" + n.Meta[k]
		if strings.HasPrefix(strings.ToLower(k), "rfc1035-") {
			text = n.Meta[k]
		}
		out = append(out, &dns.TXT{Hdr: header(owner, dns.TypeTXT, ttl), Txt: chunks(text)})
	}
	return out
}

// attribute is a key with RFC 1464's accent before what would end it, and before spaces at its ends, which would be lost.
func attribute(key string) string {
	inner := strings.Trim(key, " \t")
	start := strings.Index(key, inner)
	var b strings.Builder
	for i := range len(key) {
		if strings.IndexByte("=`", key[i]) >= 0 || i < start || i >= start+len(inner) {
			b.WriteByte('`')
		}
		b.WriteByte(key[i])
	}
	return b.String()
}

// chunks cuts a text into character strings of at most 255 bytes, as package dns takes them: with backslashes escaped.
func chunks(s string) []string {
	var out []string
	for rest := s; len(out) == 0 || rest != ""; {
		n := min(len(rest), 255)
		out, rest = append(out, strings.ReplaceAll(rest[:n], `\`, `\\`)), rest[n:]
	}
	return out
}

func (r *responder) reverse(out *records) {
	names := pointers(r.view, r.cfg, r.name.addr)
	if len(names) == 0 {
		out.rcode = dns.RcodeNameError
	}
	for _, n := range names {
		if r.wants(dns.TypePTR) {
			out.answer = append(out.answer, &dns.PTR{Hdr: header(r.owner, dns.TypePTR, r.cfg.nodeTTL()), Ptr: n})
		}
	}
}

// apex answers for the domain itself.
func (r *responder) apex(out *records) {
	if !r.wants(dns.TypeSOA) && !r.wants(dns.TypeNS) {
		return
	}
	ns, glue := r.nameServers()
	out.extra = glue
	if r.wants(dns.TypeSOA) {
		out.answer = append(out.answer, soa(r.cfg, r.owner, r.name.domain))
	}
	if r.wants(dns.TypeNS) {
		out.answer = append(out.answer, ns...)
	} else {
		out.ns = ns
	}
}

// nameServers are the servers of the cluster, with their addresses.
func (r *responder) nameServers() (ns, glue []dns.RR) {
	ttl := r.cfg.nodeTTL()
	for _, i := range instances(r.view, r.cfg, name{subject: "consul"}) {
		target := nodeName(r.cfg, r.name.domain, i.Node.Name)
		h := hostOf(i.Node.Address)
		if !usable(target) || !h.ip.IsValid() { // a name server is not an alias (RFC 2181 section 10.3)
			continue
		}
		ns = append(ns, &dns.NS{Hdr: header(r.owner, dns.TypeNS, ttl), Ns: target})
		glue = append(glue, address(target, h.ip, ttl))
	}
	return ns, glue
}

// soa is the start of authority. Its serial is the time, as Consul's: the zone has no versions that a secondary could follow.
func soa(c *Config, owner, domain string) *dns.SOA {
	return &dns.SOA{
		Hdr: header(owner, dns.TypeSOA, c.SOAMinTTL), Ns: "ns." + domain, Mbox: "hostmaster." + domain,
		Serial:  uint32(time.Now().Unix()), //nolint:gosec // a serial wraps (RFC 1982)
		Refresh: c.SOARefresh, Retry: c.SOARetry, Expire: c.SOAExpire, Minttl: c.SOAMinTTL,
	}
}
