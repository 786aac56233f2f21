package dnsapi

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Zone is a zone that we are authoritative for, beside the domain of the catalog. Its records are in the key/value store, so that every
// member serves the same ones.
type Zone struct {
	Name        string        // "example.org."
	Prefix      string        // of the keys that hold its records
	TTL         time.Duration // of records that name none
	Secondaries []string      // "ip:port" of the servers that may transfer the zone, and are told of changes
}

// zone is the content of a zone at one index of the state. It never changes.
type zone struct {
	origin string // in lower case, with the dot at its end
	soa    *dns.SOA
	names  map[string]map[uint16][]dns.RR // by owner in lower case; an owner without records exists because of names below it
	all    []dns.RR                       // every record but the SOA, in the order of the keys
}

// newZone puts records together. serial is that of the SOA; whatever else it says comes from one among the records, if there is one.
func newZone(origin string, serial uint32, rrs []dns.RR) *zone {
	z := &zone{origin: origin, names: map[string]map[uint16][]dns.RR{origin: {}}}
	for _, rr := range rrs {
		h := rr.Header()
		owner := strings.ToLower(h.Name)
		if soa, ok := rr.(*dns.SOA); ok {
			if owner == origin {
				z.soa = dns.Copy(soa).(*dns.SOA) //nolint:forcetypeassert // a copy of one
			}
			continue
		}
		z.all = append(z.all, rr)
		z.exist(owner)
		z.names[owner][h.Rrtype] = append(z.names[owner][h.Rrtype], rr)
	}
	if z.soa == nil {
		z.soa = z.defaultSOA()
	}
	z.soa.Serial = serial
	return z
}

// exist makes a name and all above it exist.
func (z *zone) exist(name string) {
	for ; within(name, z.origin); name = parent(name) {
		if z.names[name] != nil {
			return
		}
		z.names[name] = map[uint16][]dns.RR{}
	}
}

// parent is the name above a name.
func parent(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

// defaultSOA names the zone's first name server, and times that suit secondaries which are told of changes.
func (z *zone) defaultSOA() *dns.SOA {
	ns := "ns." + z.origin
	if all := z.names[z.origin][dns.TypeNS]; len(all) > 0 {
		if rr, ok := all[0].(*dns.NS); ok {
			ns = rr.Ns
		}
	}
	return &dns.SOA{
		Hdr: header(z.origin, dns.TypeSOA, 300), Ns: ns, Mbox: "hostmaster." + z.origin, Refresh: 3600, Retry: 600, Expire: 604800, Minttl: 300,
	}
}

// maxChain is how many aliases within a zone are followed.
const maxChain = 8

// answer is what the zone says to a question (RFC 1034 section 4.3.2), and the alias that leads out of it, "" for none. owner is the name as
// it was asked.
func (z *zone) answer(owner string, qtype uint16) (out records, leads string, authoritative bool) {
	authoritative = true
	for range maxChain {
		name := strings.ToLower(owner)
		if cut := z.delegation(name); cut != "" && (cut != name || qtype != dns.TypeDS) {
			out.ns = z.names[cut][dns.TypeNS]
			z.glue(&out, out.ns)
			return out, "", authoritative && len(out.answer) > 0
		}
		sets, exists := z.find(name)
		if alias := sets[dns.TypeCNAME]; len(alias) > 0 && qtype != dns.TypeCNAME && qtype != dns.TypeANY {
			out.answer = append(out.answer, owned(alias[0], owner))
			owner = alias[0].(*dns.CNAME).Target //nolint:forcetypeassert // by its type
			if !within(strings.ToLower(owner), z.origin) {
				return out, owner, true
			}
			continue
		}
		z.take(&out, sets, exists, owner, qtype)
		return out, "", true
	}
	return out, "", true
}

// take adds what a name has of a type, and says so where it does not exist.
func (z *zone) take(out *records, sets map[uint16][]dns.RR, exists bool, owner string, qtype uint16) {
	var found []dns.RR
	switch {
	case !exists:
		out.rcode = dns.RcodeNameError
	case qtype == dns.TypeANY:
		for _, t := range slices.Sorted(maps.Keys(sets)) {
			found = append(found, sets[t]...)
		}
	default:
		found = sets[qtype]
	}
	if exists && strings.EqualFold(owner, z.origin) && (qtype == dns.TypeSOA || qtype == dns.TypeANY) {
		found = append([]dns.RR{z.soa}, found...)
	}
	for _, rr := range found {
		out.answer = append(out.answer, owned(rr, owner))
	}
	if len(found) == 0 {
		out.ns = []dns.RR{z.negative()}
	}
	z.glue(out, found)
}

// negative is the SOA as it says how long nothing may be remembered (RFC 2308 section 5).
func (z *zone) negative() dns.RR {
	soa := *z.soa
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	return &soa
}

// owned is a record under the name that was asked, in its letter case or in place of a wildcard.
func owned(rr dns.RR, owner string) dns.RR {
	if rr.Header().Name == owner {
		return rr
	}
	rr = dns.Copy(rr)
	rr.Header().Name = owner
	return rr
}

// delegation is the name at or above a name from which on others are authoritative, "" for none.
func (z *zone) delegation(name string) string {
	cut := ""
	for ; name != z.origin && within(name, z.origin); name = parent(name) {
		if len(z.names[name][dns.TypeNS]) > 0 {
			cut = name // the highest one counts
		}
	}
	return cut
}

// find is the records of a name, or those of the wildcard that stands for it (RFC 4592).
func (z *zone) find(name string) (sets map[uint16][]dns.RR, exists bool) {
	if sets, exists = z.names[name]; exists {
		return sets, true
	}
	for name = parent(name); within(name, z.origin); name = parent(name) {
		if z.names[name] != nil { // the closest encloser
			sets, exists = z.names["*."+name]
			return sets, exists
		}
	}
	return nil, false
}

// glue adds the addresses, as far as the zone has them, of the names that records give.
func (z *zone) glue(out *records, of []dns.RR) {
	seen := map[string]bool{}
	for _, rr := range of {
		target := ""
		switch rr := rr.(type) {
		case *dns.NS:
			target = rr.Ns
		case *dns.MX:
			target = rr.Mx
		case *dns.SRV:
			target = rr.Target
		}
		if target = strings.ToLower(target); target == "" || seen[target] {
			continue
		}
		seen[target] = true
		out.extra = append(out.extra, z.names[target][dns.TypeA]...)
		out.extra = append(out.extra, z.names[target][dns.TypeAAAA]...)
	}
}
