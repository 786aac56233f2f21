package zone

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Config is a zone that we are authoritative for.
type Config struct {
	Name        string        // "example.org."
	Prefix      string        // of the keys that hold its records
	TTL         time.Duration // of records that name none
	Secondaries []string      // "ip:port" of the servers that may transfer the zone, and are told of changes
}

// ttl is the TTL of records that name none, in seconds.
func (c *Config) ttl() uint32 { return uint32(min(max(0, c.TTL/time.Second), 1<<31-1)) } //nolint:gosec // bounded (RFC 2181 section 8)

// Content is the content of a zone at one index of the state. It never changes.
type Content struct {
	origin string // in lower case, with the dot at its end
	soa    *dns.SOA
	names  map[string]map[uint16][]dns.RR // by owner in lower case; an owner without records exists because of names below it
	all    []dns.RR                       // every record but the SOA, in the order of the keys
}

// newContent puts records together. serial is that of the SOA; whatever else it says comes from one among the records, if there is one.
func newContent(origin string, serial uint32, rrs []dns.RR) *Content {
	z := &Content{origin: origin, names: map[string]map[uint16][]dns.RR{origin: {}}}
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

// Serial is the serial of the zone's SOA.
func (z *Content) Serial() uint32 { return z.soa.Serial }

// exist makes a name and all above it exist.
func (z *Content) exist(name string) {
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
func (z *Content) defaultSOA() *dns.SOA {
	ns := "ns." + z.origin
	if all := z.names[z.origin][dns.TypeNS]; len(all) > 0 {
		if rr, ok := all[0].(*dns.NS); ok {
			ns = rr.Ns
		}
	}
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: z.origin, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 300}, Ns: ns, Mbox: "hostmaster." + z.origin, Refresh: 3600, Retry: 600, Expire: 604800, Minttl: 300,
	}
}

// maxChain is how many aliases within a zone are followed.
const maxChain = 8

// Answer is what a zone says to a question.
type Answer struct {
	Rcode             int
	Answer, Ns, Extra []dns.RR
	Authoritative     bool
	Leads             string // the alias that leads out of the zone, "" for none
}

// Answer is what the zone says to a question (RFC 1034 section 4.3.2). owner is the name as it was asked.
func (z *Content) Answer(owner string, qtype uint16) (out Answer) {
	out.Authoritative = true
	for range maxChain {
		name := strings.ToLower(owner)
		if cut := z.delegation(name); cut != "" && (cut != name || qtype != dns.TypeDS) {
			out.Ns = z.names[cut][dns.TypeNS]
			z.glue(&out, out.Ns)
			out.Authoritative = len(out.Answer) > 0
			return out
		}
		sets, exists := z.find(name)
		if alias := sets[dns.TypeCNAME]; len(alias) > 0 && qtype != dns.TypeCNAME && qtype != dns.TypeANY {
			out.Answer = append(out.Answer, owned(alias[0], owner))
			owner = alias[0].(*dns.CNAME).Target //nolint:forcetypeassert // by its type
			if !within(strings.ToLower(owner), z.origin) {
				out.Leads = owner
				return out
			}
			continue
		}
		z.take(&out, sets, exists, owner, qtype)
		return out
	}
	return out
}

// take adds what a name has of a type, and says so where it does not exist.
func (z *Content) take(out *Answer, sets map[uint16][]dns.RR, exists bool, owner string, qtype uint16) {
	var found []dns.RR
	switch {
	case !exists:
		out.Rcode = dns.RcodeNameError
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
		out.Answer = append(out.Answer, owned(rr, owner))
	}
	if len(found) == 0 {
		out.Ns = []dns.RR{z.negative()}
	}
	z.glue(out, found)
}

// negative is the SOA as it says how long nothing may be remembered (RFC 2308 section 5).
func (z *Content) negative() dns.RR {
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
func (z *Content) delegation(name string) string {
	cut := ""
	for ; name != z.origin && within(name, z.origin); name = parent(name) {
		if len(z.names[name][dns.TypeNS]) > 0 {
			cut = name // the highest one counts
		}
	}
	return cut
}

// find is the records of a name, or those of the wildcard that stands for it (RFC 4592).
func (z *Content) find(name string) (sets map[uint16][]dns.RR, exists bool) {
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
func (z *Content) glue(out *Answer, of []dns.RR) {
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
		out.Extra = append(out.Extra, z.names[target][dns.TypeA]...)
		out.Extra = append(out.Extra, z.names[target][dns.TypeAAAA]...)
	}
}

// within reports whether a name is a zone or lies below it. Both are in lower case.
func within(name, zone string) bool { return dns.IsSubDomain(zone, name) }
