package group

import (
	"net/netip"
	"time"

	"holdfast/cluster"
)

// Run is a systemd unit, or a pair of programs, that runs where the group is served.
type Run struct {
	Unit    string   `json:",omitempty"`
	Start   []string `json:",omitempty"`
	Stop    []string `json:",omitempty"`
	Timeout string   `json:",omitempty"`
}

// Route is a route of the machine that serves the group.
type Route struct {
	Destination string
	Via         string `json:",omitempty"`
	Interface   string `json:",omitempty"`
	Table       int    `json:",omitempty"`
	Metric      int    `json:",omitempty"`
	Source      string `json:",omitempty"`
}

// Masquerade rewrites the source of what the machine forwards.
type Masquerade struct {
	Source    string
	Interface string `json:",omitempty"`
	To        string `json:",omitempty"`
}

// Verify is what the machine asks itself once it serves the group.
type Verify struct {
	Args    []string `json:",omitempty"`
	TCP     string   `json:",omitempty"`
	HTTP    string   `json:",omitempty"`
	Timeout string   `json:",omitempty"`
	Within  string   `json:",omitempty"`
}

// fields reads the texts of a group and keeps the first mistake.
type fields struct {
	group string
	err   error
}

func (f *fields) fail(field, text, want string) {
	if f.err == nil {
		f.err = cluster.Errorf(cluster.Invalid, "group %q: %s: %q is not %s", f.group, field, text, want)
	}
}

func (f *fields) duration(field, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		f.fail(field, text, `a duration: write it as "10s"`)
	}
	return d
}

// given is a duration of which zero means something else than nothing.
func (f *fields) given(field, text string) *time.Duration {
	if text == "" {
		return nil
	}
	d := f.duration(field, text)
	return &d
}

func (f *fields) addr(field, text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		f.fail(field, text, "an address")
	}
	return a
}

// effects are the domain's effects of a JSON group.
func (f *fields) effects(g *Group) cluster.Effects {
	e := cluster.Effects{Sysctls: g.Sysctls, Conntrack: g.Conntrack}
	for _, r := range g.Runs {
		e.Runs = append(e.Runs, cluster.Run{Unit: r.Unit, Start: r.Start, Stop: r.Stop, Timeout: f.duration("Runs: Timeout", r.Timeout)})
	}
	for _, r := range g.Routes {
		x := cluster.Route{Interface: r.Interface, Table: r.Table, Metric: r.Metric, Via: f.addr("Routes: Via", r.Via), Source: f.addr("Routes: Source", r.Source)}
		var err error
		if x.Destination, err = cluster.ParseDestination(r.Destination, x.Via.Is6()); err != nil {
			f.fail("Routes: Destination", r.Destination, `"default", a network or an address`)
		}
		e.Routes = append(e.Routes, x)
	}
	for _, m := range g.Masquerades {
		p, err := netip.ParsePrefix(m.Source)
		if err != nil {
			f.fail("Masquerades: Source", m.Source, `a network: write it as "10.0.0.0/24"`)
		}
		e.NATs = append(e.NATs, cluster.NAT{Source: p, Interface: m.Interface, To: f.addr("Masquerades: To", m.To)})
	}
	for _, v := range g.Verify {
		e.Verify = append(e.Verify, cluster.Verify{
			Args: v.Args, TCP: v.TCP, HTTP: v.HTTP, Timeout: f.duration("Verify: Timeout", v.Timeout), Within: f.duration("Verify: Within", v.Within),
		})
	}
	return e
}

// effectsJSON fills in the effects of a JSON group.
func effectsJSON(out *Group, e *cluster.Effects) {
	out.Sysctls, out.Conntrack = e.Sysctls, e.Conntrack
	for _, r := range e.Runs {
		out.Runs = append(out.Runs, Run{Unit: r.Unit, Start: r.Start, Stop: r.Stop, Timeout: orNothing(r.Timeout)})
	}
	for _, r := range e.Routes {
		out.Routes = append(out.Routes, Route{
			Destination: r.Destination.String(), Via: addrJSON(r.Via), Interface: r.Interface, Table: r.Table, Metric: r.Metric, Source: addrJSON(r.Source),
		})
	}
	for _, n := range e.NATs {
		out.Masquerades = append(out.Masquerades, Masquerade{Source: n.Source.String(), Interface: n.Interface, To: addrJSON(n.To)})
	}
	for _, v := range e.Verify {
		out.Verify = append(out.Verify, Verify{Args: v.Args, TCP: v.TCP, HTTP: v.HTTP, Timeout: orNothing(v.Timeout), Within: orNothing(v.Within)})
	}
}

func orNothing(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func ifGiven(d *time.Duration) string {
	if d == nil {
		return ""
	}
	return d.String()
}

func addrJSON(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
