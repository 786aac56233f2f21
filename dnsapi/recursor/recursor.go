// Package recursor asks other servers about names that are not ours: one after the other until one knows, each for as long as it is given, over
// TCP where an answer does not fit into UDP.
//
// All who ask the same at once share one question. So a server that sends back what it was asked by us goes in no circle: the second time round
// nobody is asked again, and the first one's time runs out.
package recursor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"
)

// Config says who is asked, and how.
type Config struct {
	Servers []string      // "ip:port"
	Timeout time.Duration // for one of them; 0 means DefaultTimeout
	Random  bool          // in random order, rather than in that of the list
}

// DefaultTimeout is Consul's.
const DefaultTimeout = 2 * time.Second

func (c *Config) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return DefaultTimeout
}

// Asker asks. Its zero value is ready.
type Asker struct {
	flight singleflight.Group
}

// Forward passes a request on, the way that it came, and makes the answer one to that request. It is cut to size.
func (a *Asker) Forward(ctx context.Context, c Config, req *dns.Msg, tcp bool, size int) (*dns.Msg, error) {
	network := "udp"
	if tcp {
		network = "tcp"
	}
	ask := req.Copy()
	ask.Response, ask.RecursionDesired, ask.Answer, ask.Ns = false, true, nil, nil
	got, err := a.ask(ctx, c, ask, network)
	if err != nil {
		return nil, err
	}
	m := got.Copy()
	m.Id, m.Question, m.RecursionDesired, m.RecursionAvailable = req.Id, req.Question, req.RecursionDesired, true
	if req.IsEdns0() == nil {
		m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	}
	m.Truncate(size)
	return m, nil
}

// Lookup is what a name leads to: the records of a type, with the aliases before them.
func (a *Asker) Lookup(ctx context.Context, c Config, name string, qtype uint16) ([]dns.RR, error) {
	req := new(dns.Msg).SetQuestion(name, qtype)
	got, err := a.ask(ctx, c, req, "udp")
	if err == nil && got.Truncated {
		got, err = a.ask(ctx, c, req, "tcp")
	}
	if err != nil {
		return nil, err
	}
	return got.Answer, nil
}

// ask puts a question to the servers until one knows.
func (a *Asker) ask(ctx context.Context, c Config, req *dns.Msg, network string) (*dns.Msg, error) {
	asked := a.flight.DoChan(sameness(req, network), func() (any, error) { return askAll(ctx, c, req, network) })
	select {
	case res := <-asked:
		m, _ := res.Val.(*dns.Msg)
		return m, res.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sameness is equal for requests that have the same answer.
func sameness(req *dns.Msg, network string) string {
	q := req.Question[0]
	edns := ""
	if o := req.IsEdns0(); o != nil {
		edns = o.String()
	}
	return fmt.Sprint(strings.ToLower(q.Name), q.Qtype, q.Qclass, req.CheckingDisabled, req.AuthenticatedData, network, edns)
}

func askAll(ctx context.Context, c Config, req *dns.Msg, network string) (*dns.Msg, error) {
	servers := c.Servers
	if c.Random {
		servers = slices.Clone(servers)
		rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	}
	errs := make([]error, 0, len(servers))
	for _, server := range servers {
		m, err := askOne(ctx, c.timeout(), req, network, server)
		if err == nil {
			return m, nil
		}
		errs = append(errs, fmt.Errorf("recursor %s: %w", server, err))
	}
	return nil, errors.Join(errs...)
}

func askOne(ctx context.Context, timeout time.Duration, req *dns.Msg, network, server string) (*dns.Msg, error) {
	ask := req.Copy()
	ask.Id = dns.Id()
	client := &dns.Client{Net: network, Timeout: timeout}
	m, _, err := client.ExchangeContext(ctx, ask, server)
	switch {
	case err != nil:
		return nil, err
	case len(m.Question) != 1 || !strings.EqualFold(m.Question[0].Name, ask.Question[0].Name) || m.Question[0].Qtype != ask.Question[0].Qtype:
		return nil, errors.New("it answered another question")
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("it answered %s", dns.RcodeToString[m.Rcode])
	}
	return m, nil
}
