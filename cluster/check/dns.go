package check

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"holdfast/cluster"
)

// question asks a DNS server. The answer is good if it has a record of the type, and all that are expected.
type question struct {
	server string
	name   string
	typ    string
	expect []string
}

func newDNS(d *cluster.DNSCheck) *question {
	return &question{server: cluster.HostPort(d.Server, "53"), name: dns.Fqdn(d.Name), typ: strings.ToUpper(cmp.Or(d.Type, "A")), expect: d.Expect}
}

func (q *question) probe(ctx context.Context) Result {
	t, ok := dns.StringToType[q.typ]
	if !ok {
		return Result{cluster.Critical, "there is no DNS record type " + q.typ}
	}
	m := new(dns.Msg).SetQuestion(q.name, t)
	m.SetEdns0(1232, false)
	in, err := q.ask(ctx, m)
	what := fmt.Sprintf("%s %s at %s", q.typ, q.name, q.server)
	switch {
	case err != nil:
		return Result{cluster.Critical, fmt.Sprintf("%s: %s", what, err)}
	case in.Rcode != dns.RcodeSuccess:
		return Result{cluster.Critical, fmt.Sprintf("%s: %s", what, dns.RcodeToString[in.Rcode])}
	}
	var got []string
	for _, rr := range in.Answer {
		if rr.Header().Rrtype == t {
			got = append(got, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	if len(got) == 0 {
		return Result{cluster.Critical, what + ": no such record"}
	}
	for _, want := range q.expect {
		if !slices.ContainsFunc(got, func(s string) bool { return sameRecord(s, want) }) {
			return Result{cluster.Critical, fmt.Sprintf("%s: %s is not among %s", what, want, strings.Join(got, ", "))}
		}
	}
	return Result{cluster.Passing, fmt.Sprintf("%s: %s", what, strings.Join(got, ", "))}
}

// ask asks over UDP, and over TCP where the answer does not fit.
func (q *question) ask(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	in, _, err := (&dns.Client{Net: "udp"}).ExchangeContext(ctx, m, q.server)
	if err != nil || !in.Truncated {
		return in, err
	}
	in, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, m, q.server)
	return in, err
}

// sameRecord reports whether two texts are one record's content: names with or without the last dot, addresses however they are written.
func sameRecord(got, want string) bool {
	a, err1 := netip.ParseAddr(got)
	b, err2 := netip.ParseAddr(want)
	if err1 == nil && err2 == nil {
		return a == b
	}
	plain := func(s string) string {
		return strings.ToLower(strings.TrimSuffix(strings.Join(strings.Fields(strings.ReplaceAll(s, `"`, "")), " "), "."))
	}
	return plain(got) == plain(want)
}
