package config

import (
	"fmt"
	"slices"
	"time"

	"holdfast/cluster"
)

// slowCheck is the interval from which on a check decides how long a failure lasts, and no longer the lease.
const slowCheck = 2 * time.Second

// Lint says in sentences what of a valid configuration will hardly do what is expected of its groups.
func (c *Config) Lint() []string {
	out := slices.Clone(c.TLS.Warnings)
	for i := range c.Groups {
		out = append(out, c.lintGroup(&c.Groups[i])...)
	}
	if len(c.Groups) > 0 && c.Server && c.BootstrapExpect == 1 && len(c.Join)+len(c.RetryJoin) == 0 && !c.Dev {
		out = append(out, "there is one machine only: bootstrap_expect is 1 and nobody is named to join, so no other machine can take the groups over")
	}
	if len(c.Groups) > 0 && c.Server && c.BootstrapExpect == 2 {
		out = append(out, "bootstrap_expect is 2: of two servers neither can be missed; a third one, as a witness perhaps, keeps the majority when one dies")
	}
	return out
}

func (c *Config) lintGroup(g *cluster.Group) []string {
	var out []string
	if len(g.Prefer) > 0 && c.Witness && slices.Contains(g.Prefer, c.NodeName) {
		out = append(out, fmt.Sprintf("group %q prefers %s, which is a witness and holds nothing", g.Name, c.NodeName))
	}
	for _, o := range slices.Concat(g.ApartFrom, g.TogetherWith) {
		if !slices.ContainsFunc(c.Groups, func(x cluster.Group) bool { return x.Name == o }) {
			out = append(out, fmt.Sprintf("group %q is to be apart from or together with %q, which stands in none of these files", g.Name, o))
		}
	}
	for _, n := range g.Effects.NATs {
		if g.Effects.Conntrack == cluster.ConntrackSync && !n.To.IsValid() {
			out = append(out, fmt.Sprintf("group %q: conntrack is to keep connections, but masquerade %s has no to, so each machine translates to an address of its own and these connections break when the group moves", g.Name, n.Source))
		}
	}
	if g.Service == "" || c.Witness {
		return out
	}
	i := slices.IndexFunc(c.Services, func(r Registration) bool { return r.Service.Name == g.Service })
	if i < 0 {
		return append(out, fmt.Sprintf("group %q needs the service %q, which stands in none of these files: this machine is not eligible before a program registers it", g.Name, g.Service))
	}
	checks := c.Services[i].Checks
	if len(checks) == 0 {
		out = append(out, fmt.Sprintf("group %q: the service %q has no check, so it stays on a machine where the service is dead", g.Name, g.Service))
	}
	for _, d := range checks {
		if d.Interval > slowCheck {
			out = append(out, fmt.Sprintf("group %q: check %q runs every %s, so a failure of the service may last that long, where the loss of the whole machine takes a second: see holdfast budget", g.Name, d.Name, d.Interval))
		}
	}
	return out
}
