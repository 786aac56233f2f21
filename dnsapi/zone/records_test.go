package zone

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

// FuzzRecords holds that no key or value makes more than records of its own name, or a zone that cannot be sent.
func FuzzRecords(f *testing.F) {
	for _, s := range [][2]string{{"www", "A 192.0.2.1"}, {"@", "300 IN MX 10 mail"}, {"*", "TXT ( \"a\"\n\"b\" )"}, {"a", "$ORIGIN x.\nA 192.0.2.1"}, {"b", "CNAME \\000"}} {
		f.Add(s[0], s[1])
	}
	z := Config{Name: "example.org.", Prefix: "p/", TTL: time.Minute}
	f.Fuzz(func(t *testing.T, owner, text string) {
		rrs, _ := records(z, []*cluster.KVEntry{{Key: "p/" + owner, Value: []byte(text)}})
		content := newContent(z.Name, 1, rrs)
		for _, rr := range rrs {
			if !within(strings.ToLower(rr.Header().Name), z.Name) {
				t.Fatalf("%q %q: a record of %s", owner, text, rr.Header().Name)
			}
			m := new(dns.Msg).SetQuestion(rr.Header().Name, rr.Header().Rrtype)
			out := content.Answer(rr.Header().Name, rr.Header().Rrtype)
			m.Answer, m.Ns, m.Extra = out.Answer, out.Ns, out.Extra
			if wire, err := m.Pack(); err == nil {
				if err := new(dns.Msg).Unpack(wire); err != nil {
					t.Fatalf("%q %q: %v", owner, text, err)
				}
			}
		}
	})
}
