package dnsapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// holderLabel before a group's name asks for the machine that holds it.
const holderLabel = "holder."

// group answers with the addresses of a group, which are the same wherever it is, and with where it is. While nobody holds it there is
// nothing to give out. The answer changes with the commit that moves the group.
func (r *responder) group(out *records) {
	g := groupNamed(r.view, r.name.subject)
	if g != nil {
		r.addresses(out, g, r.view.Assignment(g.Name))
		return
	}
	of, asked := strings.CutPrefix(r.name.subject, holderLabel)
	if g = groupNamed(r.view, of); g == nil || !asked {
		out.rcode = dns.RcodeNameError
		return
	}
	if n := r.holder(g); n != nil {
		r.host(out, hostOf(n.Address), r.groupTTL(g))
	}
}

// groupNamed is the group of a name in any letter case, nil where there is none.
func groupNamed(v *state.View, name string) *cluster.Group {
	for _, g := range v.Groups() {
		if strings.EqualFold(g.Name, name) {
			return g
		}
	}
	return nil
}

// holder is the node that a group is assigned to, nil for none.
func (r *responder) holder(g *cluster.Group) *cluster.Node {
	a := r.view.Assignment(g.Name)
	if a == nil || a.Node == "" {
		return nil
	}
	return r.view.Node(a.Node)
}

// addresses answers for the group's own name: its addresses, its holder as the target of SRV, and who it is as TXT.
func (r *responder) addresses(out *records, g *cluster.Group, a *cluster.Assignment) {
	if a == nil || a.Node == "" {
		return
	}
	ttl := r.groupTTL(g)
	for _, v := range a.VIPs {
		if ip := v.Addr().Unmap(); r.wantsIP(ip) {
			out.answer = append(out.answer, address(r.owner, ip, ttl))
		}
	}
	if r.wants(dns.TypeTXT) {
		text := []string{"holder=" + a.Node, "epoch=" + strconv.FormatUint(a.Epoch, 10)}
		for _, s := range text {
			out.answer = append(out.answer, &dns.TXT{Hdr: header(r.owner, dns.TypeTXT, ttl), Txt: chunks(s)})
		}
	}
	if r.qtype == dns.TypeSRV {
		r.instance(out, g, a, ttl)
	}
}

// groupTTL is how long the names of a group may be remembered: that of nodes, but not beyond a move that is planned.
func (r *responder) groupTTL(g *cluster.Group) uint32 {
	return seconds(r.view.PlannedMove(g.Name).TTL(r.cfg.NodeTTL, time.Now()))
}

// instance answers with the instance of the group's service on its holder.
func (r *responder) instance(out *records, g *cluster.Group, a *cluster.Assignment, ttl uint32) {
	if g.Service == "" {
		return
	}
	for _, i := range r.view.ServiceInstances(g.Service) {
		if strings.EqualFold(i.Node.Name, a.Node) {
			r.targets(out, []state.Instance{i}, ttl)
			return
		}
	}
}
