package cluster

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Effects is what a machine does besides its addresses while it serves a group. In the order of the fields when it acquires the group, in the
// reverse order when it gives it back. Nothing here takes part in the plan.
type Effects struct {
	Sysctls map[string]string `codec:",omitempty"` // name -> value; what was there before comes back
	Runs    []Run             `codec:",omitempty"` // started in order, with the lease and before the fence opens
	Routes  []Route           `codec:",omitempty"` // as soon as the fence is open
	NATs    []NAT             `codec:",omitempty"` // likewise
	Verify  []Verify          `codec:",omitempty"` // after the announcement; where one fails the group is given back

	Conntrack string `codec:",omitempty"` // what becomes of established connections; "" nothing is done for them
}

// ConntrackSync has all machines that may hold the group track the connections through its holder, so that these go on when it moves.
const ConntrackSync = "sync"

// Run is a systemd unit, or a pair of programs, that runs where the group is served and nowhere else.
type Run struct {
	Unit    string        `codec:",omitempty"` // "nginx.service"
	Start   []string      `codec:",omitempty"` // a program and its arguments, where there is no unit
	Stop    []string      `codec:",omitempty"` // its counterpart, may be missing
	Timeout time.Duration `codec:",omitempty"` // of the start and of the stop; 0 means DefaultRunTimeout
}

// DefaultRunTimeout bounds a Run that gives no timeout.
const DefaultRunTimeout = 30 * time.Second

// Limit is how long the start or the stop may take.
func (r Run) Limit() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return DefaultRunTimeout
}

func (r Run) String() string {
	if r.Unit != "" {
		return "unit " + r.Unit
	}
	return strings.Join(r.Start, " ")
}

// Route is a route of the machine that serves the group.
type Route struct {
	Destination netip.Prefix // 0.0.0.0/0 and ::/0 are the default routes
	Via         netip.Addr   `codec:",omitempty"` // the next hop; invalid for a network on the link
	Interface   string       `codec:",omitempty"` // "" finds it by Via
	Table       int          `codec:",omitempty"` // 0 means the main table
	Metric      int          `codec:",omitempty"`
	Source      netip.Addr   `codec:",omitempty"` // the source address of what the machine itself sends that way; invalid for the kernel's choice
}

// NAT rewrites the source of what the machine forwards from a network out of an interface.
type NAT struct {
	Source    netip.Prefix // whose packets
	Interface string       `codec:",omitempty"` // where they leave; "" means any
	To        netip.Addr   `codec:",omitempty"` // the new source, as a rule a VIP of the group; invalid means the address of the interface
}

// Verify is a question that the machine asks itself once it serves the group. It has one kind.
type Verify struct {
	Args    []string      `codec:",omitempty"` // a program and its arguments: it must exit with 0
	TCP     string        `codec:",omitempty"` // host:port that must accept a connection
	HTTP    string        `codec:",omitempty"` // a URL that must answer 2xx
	Timeout time.Duration `codec:",omitempty"` // of one try; 0 means DefaultVerifyTimeout
	Within  time.Duration `codec:",omitempty"` // one try must succeed within this; 0 means DefaultVerifyWithin
}

// The times of a Verify that gives none.
const (
	DefaultVerifyTimeout = 2 * time.Second
	DefaultVerifyWithin  = 5 * time.Second
)

func (v Verify) String() string {
	switch {
	case v.TCP != "":
		return "tcp " + v.TCP
	case v.HTTP != "":
		return "http " + v.HTTP
	}
	return strings.Join(v.Args, " ")
}

// Empty reports whether there is nothing to do.
func (e *Effects) Empty() bool {
	return len(e.Sysctls)+len(e.Runs)+len(e.Routes)+len(e.NATs)+len(e.Verify) == 0 && e.Conntrack == ""
}

func (e *Effects) equal(o *Effects) bool {
	return maps.Equal(e.Sysctls, o.Sysctls) && slices.EqualFunc(e.Runs, o.Runs, Run.Equal) && slices.Equal(e.Routes, o.Routes) &&
		slices.Equal(e.NATs, o.NATs) && slices.EqualFunc(e.Verify, o.Verify, Verify.equal) && e.Conntrack == o.Conntrack
}

// Equal reports whether two runs are the same.
func (r Run) Equal(o Run) bool {
	return r.Unit == o.Unit && slices.Equal(r.Start, o.Start) && slices.Equal(r.Stop, o.Stop) && r.Timeout == o.Timeout
}

func (v Verify) equal(o Verify) bool {
	return slices.Equal(v.Args, o.Args) && v.TCP == o.TCP && v.HTTP == o.HTTP && v.Timeout == o.Timeout && v.Within == o.Within
}

var (
	sysctlName    = regexp.MustCompile(`^[a-z0-9_-]+([./][A-Za-z0-9_.:@-]+)+$`)
	unitName      = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+\.(service|socket|target|timer|mount|path|scope|slice)$`)
	interfaceName = regexp.MustCompile(`^[^/\s]{1,15}$`)
)

// validate says in one sentence what is wrong with the effects of a group.
func (e *Effects) validate(group string) error {
	if e.Conntrack != "" && e.Conntrack != ConntrackSync {
		return Errorf(Invalid, "group %q: conntrack = %q is not known: want %q, or leave it out", group, e.Conntrack, ConntrackSync)
	}
	for name, value := range e.Sysctls {
		if !sysctlName.MatchString(name) || strings.Contains(name, "..") || strings.Contains(name, "//") || strings.ContainsAny(value, "\n\x00") || value == "" {
			return Errorf(Invalid, "group %q: sysctl %q = %q is not usable: write it as \"net.ipv4.ip_forward\" = \"1\"", group, name, value)
		}
	}
	for _, r := range e.Runs {
		if err := r.validate(group); err != nil {
			return err
		}
	}
	for i, r := range e.Routes {
		if err := r.validate(group); err != nil {
			return err
		}
		if slices.ContainsFunc(e.Routes[:i], r.collides) {
			return Errorf(Invalid, "group %q has two routes to %s in one table and with one metric: the kernel keeps one of them", group, r.Destination)
		}
	}
	for _, n := range e.NATs {
		if err := n.validate(group); err != nil {
			return err
		}
	}
	for _, v := range e.Verify {
		if err := v.validate(group); err != nil {
			return err
		}
	}
	return nil
}

func (r Run) validate(group string) error {
	switch {
	case r.Timeout < 0:
		return Errorf(Invalid, "group %q: run %s has a negative timeout", group, r)
	case r.Unit != "" && len(r.Start)+len(r.Stop) > 0:
		return Errorf(Invalid, "group %q: run names the unit %s and a program too: give one of them", group, r.Unit)
	case r.Unit != "" && !unitName.MatchString(r.Unit):
		return Errorf(Invalid, "group %q: run: unit %q is not the name of a systemd unit, as in \"nginx.service\"", group, r.Unit)
	case r.Unit == "" && (len(r.Start) == 0 || r.Start[0] == "" || len(r.Stop) > 0 && r.Stop[0] == ""):
		return Errorf(Invalid, "group %q: run needs a unit, or start with a program: run { start = [\"/usr/bin/thing\", \"up\"] }", group)
	}
	return nil
}

// ParseDestination reads the destination of a route: a network, an address, or "default", which is IPv6's where v6 says so.
func ParseDestination(text string, v6 bool) (netip.Prefix, error) {
	if text == "default" {
		if v6 {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, Errorf(Invalid, "%q is no destination: want \"default\", a network as \"10.1.0.0/16\", or an address", text)
	}
	return p, nil
}

// collides reports whether the kernel takes two routes for one.
func (r Route) collides(o Route) bool {
	return r.Destination == o.Destination && r.Table == o.Table && r.Metric == o.Metric
}

func (r Route) validate(group string) error {
	d := r.Destination
	other := func(a netip.Addr) bool { return a.IsValid() && a.Is4() != d.Addr().Is4() }
	switch {
	case !d.IsValid():
		return Errorf(Invalid, "group %q has a route without a destination: write it as route \"default\" { via = \"10.0.0.1\" } or route \"10.1.0.0/16\" {…}", group)
	case d != d.Masked():
		return Errorf(Invalid, "group %q: route %s has bits beyond its prefix length: write %s", group, d, d.Masked())
	case !r.Via.IsValid() && r.Interface == "":
		return Errorf(Invalid, "group %q: route %s needs via (a next hop), dev (an interface), or both", group, d)
	case other(r.Via) && r.Via.Is4() || other(r.Source):
		return Errorf(Invalid, "group %q: route %s mixes IPv4 and IPv6", group, d)
	case other(r.Via):
		return Errorf(Invalid, "group %q: route %s has an IPv6 next hop, which is not supported for IPv4", group, d)
	case r.Table < 0 || r.Metric < 0 || r.Table > 1<<31-1 || r.Metric > 1<<31-1:
		return Errorf(Invalid, "group %q: route %s has a table or metric that is out of range", group, d)
	case r.Interface != "" && !interfaceName.MatchString(r.Interface):
		return Errorf(Invalid, "group %q: route %s: dev %q is not the name of an interface", group, d, r.Interface)
	}
	return nil
}

func (n NAT) validate(group string) error {
	switch {
	case !n.Source.IsValid() || n.Source != n.Source.Masked():
		return Errorf(Invalid, "group %q: masquerade needs the network whose packets it rewrites, as in masquerade \"10.0.0.0/24\" {}", group)
	case n.To.IsValid() && n.To.Is4() != n.Source.Addr().Is4():
		return Errorf(Invalid, "group %q: masquerade %s mixes IPv4 and IPv6", group, n.Source)
	case n.Interface != "" && !interfaceName.MatchString(n.Interface):
		return Errorf(Invalid, "group %q: masquerade %s: dev %q is not the name of an interface", group, n.Source, n.Interface)
	}
	return nil
}

func (v Verify) validate(group string) error {
	kinds := 0
	for _, given := range []bool{len(v.Args) > 0, v.TCP != "", v.HTTP != ""} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds != 1 || len(v.Args) > 0 && v.Args[0] == "":
		return Errorf(Invalid, "group %q: verify needs exactly one of args, tcp and http", group)
	case v.Timeout < 0 || v.Within < 0:
		return Errorf(Invalid, "group %q: verify %s has a negative time", group, v)
	case v.HTTP != "" && !strings.HasPrefix(v.HTTP, "http://") && !strings.HasPrefix(v.HTTP, "https://"):
		return Errorf(Invalid, "group %q: verify: http %q is not a URL: write it as \"http://10.0.0.100/health\"", group, v.HTTP)
	}
	return nil
}
