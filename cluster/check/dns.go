package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

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

// ask asks over UDP, and over TCP where the answer does not fit. A datagram may be lost: it is sent three times in the time that there is.
func (q *question) ask(ctx context.Context, m *dns.Msg) (in *dns.Msg, err error) {
	each := time.Duration(0)
	if until, ok := ctx.Deadline(); ok {
		each = time.Until(until) / udpTries
	}
	for range udpTries {
		in, err = q.once(ctx, m, each)
		if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() || ctx.Err() != nil {
			break
		}
	}
	if err != nil || !in.Truncated {
		return in, err
	}
	in, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, m, q.server)
	return in, err
}

const udpTries = 3

// once sends one datagram and waits for its answer for a part of the time, or for as long as ctx lasts.
func (q *question) once(ctx context.Context, m *dns.Msg, wait time.Duration) (*dns.Msg, error) {
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	in, _, err := (&dns.Client{Net: "udp"}).ExchangeContext(ctx, m, q.server)
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
