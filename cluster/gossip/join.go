package gossip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
)

// Join contacts other members, each as host, host:port, IP or [IPv6]:port; a port that is not given is this member's own. It is the number of
// them that were reached, and an error only if nobody was. A contact with oneself neither counts nor fails.
func (p *Pool) Join(ctx context.Context, addrs []string) (int, error) {
	list, err := p.running()
	if err != nil {
		return 0, err
	}
	if p.Self().Status != cluster.StatusAlive {
		return 0, errLeft
	}
	targets, problems := p.resolve(ctx, addrs)
	answers := make(chan *cluster.Error, len(targets))
	waiting := 0
	for _, to := range targets {
		if p.start(func() { answers <- p.contact(list, to) }) {
			waiting++
		}
	}
	joined := 0
	for range waiting {
		select {
		case problem := <-answers:
			if problem == nil {
				joined++
			} else {
				problems = append(problems, problem)
			}
		case <-ctx.Done():
			problems = append(problems, cluster.Errorf(cluster.Unavailable, "gave up on some members to join: %v", context.Cause(ctx)))
			return joined, p.joinOutcome(joined, problems)
		}
	}
	return joined, p.joinOutcome(joined, problems)
}

// joinOutcome announces a join that succeeded, and makes one error of those that failed.
func (p *Pool) joinOutcome(joined int, problems []*cluster.Error) error {
	if joined > 0 {
		p.change((*membership.Table).Announce)
		for _, problem := range problems {
			p.log.Warn("a member to join was not reached", "error", problem)
		}
		return nil
	}
	if len(problems) == 0 {
		return nil
	}
	all := &cluster.Error{Code: problems[0].Code}
	var texts []string
	for _, problem := range problems {
		texts = append(texts, problem.Message)
		if problem.Code == cluster.Conflict || problem.Code == cluster.Invalid {
			all.Code = problem.Code
		}
	}
	all.Message = strings.Join(texts, "; ")
	return all
}

// resolve makes addresses of names. Each address is taken once, and this member's own is left out.
func (p *Pool) resolve(ctx context.Context, addrs []string) (targets []netip.AddrPort, problems []*cluster.Error) {
	defaultPort := p.cfg.Bind.Port()
	if defaultPort == 0 {
		defaultPort = DefaultPort
	}
	seen := map[netip.AddrPort]bool{p.Self().Addr: true}
	for _, addr := range addrs {
		host, port, err := splitAddr(addr, defaultPort)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		ips, lookup := p.lookup(ctx, host)
		if lookup != nil {
			problems = append(problems, cluster.Errorf(cluster.Unavailable, "cannot join %s: %v", addr, lookup))
		}
		for _, ip := range ips {
			if to := netip.AddrPortFrom(ip, port); !seen[to] {
				seen[to] = true
				targets = append(targets, to)
			}
		}
	}
	return targets, problems
}

// lookup is the addresses of a host; those of the other family than Bind's only where there are no others.
func (p *Pool) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var same, other []netip.Addr
	for _, ip := range all {
		if ip = ip.Unmap(); ip.Is4() == p.cfg.Bind.Addr().Unmap().Is4() {
			same = append(same, ip)
		} else {
			other = append(other, ip)
		}
	}
	if len(same) > 0 {
		return same, nil
	}
	return other, nil
}

// splitAddr takes an address to join apart.
func splitAddr(addr string, defaultPort uint16) (host string, port uint16, problem *cluster.Error) {
	addr = strings.TrimSpace(addr)
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")); err == nil {
		return ip.String(), defaultPort, nil
	}
	if addr != "" && !strings.ContainsAny(addr, ":/[]") {
		return addr, defaultPort, nil
	}
	host, number, err := net.SplitHostPort(addr)
	n, notNumber := strconv.ParseUint(number, 10, 16)
	if err != nil || notNumber != nil || n == 0 || host == "" || strings.Contains(host, "/") {
		return "", 0, cluster.Errorf(cluster.Invalid,
			"cannot join %q: an address to join is a host name or an IP address, with :PORT where the port is not %d", addr, defaultPort)
	}
	return host, uint16(n), nil
}

// contact exchanges states with one address.
func (p *Pool) contact(list *memberlist.Memberlist, to netip.AddrPort) *cluster.Error {
	if _, err := list.Join([]string{to.String()}); err != nil {
		return joinProblem(to, err, p.cfg.PortKey)
	}
	return nil
}

// joinFaults are the errors of memberlist that mean something to a user; it hands them on as text alone. PORT stands for the configuration's name of it.
var joinFaults = []struct {
	text    string
	code    cluster.Code
	meaning string
}{
	{"encryption is configured but remote state is not encrypted", cluster.Invalid, "it gossips in plain text and this agent with a key: give all agents the same encrypt key"},
	{"remote state is encrypted and encryption is not configured", cluster.Invalid, "it gossips with a key and this agent has none: set encrypt to the key of the others"},
	{"no installed keys could decrypt the message", cluster.Invalid, "it gossips with another key than this agent: set encrypt to the key of the others"},
	{"connection refused", cluster.Unavailable, "connection refused: no agent listens there, or its PORT is another"},
	{"EOF", cluster.Unavailable, "it hung up: it belongs to another cluster by now, or has too much to do; its log says which"},
	{"received invalid msgType", cluster.Invalid, "what listens there does not speak gossip: the address to join is that of PORT"},
}

// joinProblem makes one sentence of why an address could not be joined.
func joinProblem(to netip.AddrPort, err error, portKey string) *cluster.Error {
	text := err.Error()
	var several interface{ WrappedErrors() []error } // memberlist's list of errors; there was one address
	if errors.As(err, &several) && len(several.WrappedErrors()) > 0 {
		text = several.WrappedErrors()[0].Error()
	}
	text = strings.TrimPrefix(text, "failed to join "+to.String()+": ")
	for _, fault := range joinFaults {
		if strings.Contains(text, fault.text) {
			return cluster.Errorf(fault.code, "cannot join %s: %s", to, strings.ReplaceAll(fault.meaning, "PORT", portKey))
		}
	}
	if why, ok := strings.CutPrefix(text, mergeRefused); ok {
		return cluster.Errorf(cluster.Conflict, "cannot join %s: %s", to, why)
	}
	if strings.HasPrefix(text, nameTaken) {
		return cluster.Errorf(cluster.Conflict, "cannot join %s: %s", to, text)
	}
	return cluster.Errorf(cluster.Unavailable, "cannot join %s: %s", to, text)
}
