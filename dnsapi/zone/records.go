package zone

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

// records reads the records of a zone from its keys: below the prefix a key is the owner's name relative to the zone, "@" or nothing for
// the zone itself, and its value is lines of a zone file without the owner (RFC 1035 section 5.1): "A 192.0.2.1", "300 MX 10 mail". A key that
// cannot be read is left out; problems say which, and why.
func records(z Config, keys []*cluster.KVEntry) (rrs []dns.RR, problems []error) {
	for _, e := range keys {
		owner := strings.TrimPrefix(e.Key, z.Prefix)
		if strings.HasSuffix(owner, "/") {
			continue // a folder, as some programs make them
		}
		found, err := ownerRecords(z, owner, string(e.Value))
		if err != nil {
			problems = append(problems, fmt.Errorf("key %q: %w", e.Key, err))
			continue
		}
		rrs = append(rrs, found...)
	}
	return rrs, problems
}

// ownerRecords reads the records of one name.
func ownerRecords(z Config, owner, text string) ([]dns.RR, error) {
	name := z.Name
	if owner != "" && owner != "@" {
		if strings.ContainsAny(owner, " \t\r\n\"();$\\") || strings.HasSuffix(owner, ".") {
			return nil, fmt.Errorf("%q is not a name below %s: write it without that, as in www", owner, z.Name)
		}
		name = owner + "." + z.Name
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, fmt.Errorf("%q is not a name", name)
	}
	// Each line continues with the owner of the one before it where it begins with a blank; nothing is a directive then.
	file := fmt.Sprintf("$TTL %d\n%s\t%s\n", z.ttl(), name, strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n\t"))
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	p := dns.NewZoneParser(strings.NewReader(file), z.Name, "")
	p.SetDefaultTTL(z.ttl())
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if !strings.EqualFold(rr.Header().Name, name) || rr.Header().Class != dns.ClassINET {
			return nil, fmt.Errorf("the record %q is not one of %s", rr, name)
		}
		rrs = append(rrs, rr)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return rrs, aliasAlone(rrs)
}

// aliasAlone refuses an alias beside other records (RFC 1034 section 3.6.2).
func aliasAlone(rrs []dns.RR) error {
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeCNAME && len(rrs) > 1 {
			return fmt.Errorf("%s has a CNAME beside other records: it must stand alone", rr.Header().Name)
		}
	}
	return nil
}
