package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-sockaddr/template"

	"holdfast/cluster"
)

const unixScheme = "unix://"

func buildAddresses(c *Config, f *File) error {
	var err error
	p := or(f.Ports, Ports{})
	if c.SerfPort, err = port("serf_lan", p.SerfLAN, defaultSerfPort); err != nil {
		return err
	}
	if c.ServerPort, err = port("server", p.Server, defaultServerPort); err != nil {
		return err
	}
	if c.SerfPort < 0 || c.ServerPort < 0 {
		return errors.New("ports.serf_lan and ports.server cannot be switched off: members find each other through them")
	}
	if c.BindAddr, err = one("bind_addr", cmp.Or(or(f.BindAddr, ""), "0.0.0.0")); err != nil {
		return err
	}
	if c.AdvertiseAddr, err = advertise(c, or(f.AdvertiseAddr, "")); err != nil {
		return err
	}
	client := cmp.Or(or(f.ClientAddr, ""), "127.0.0.1")
	a := or(f.Addresses, Addresses{})
	if c.HTTPAddrs, err = listen("http", or(a.HTTP, ""), client, p.HTTP, defaultHTTPPort); err != nil {
		return err
	}
	if c.HTTPSAddrs, err = listen("https", or(a.HTTPS, ""), client, p.HTTPS, defaultHTTPSPort); err != nil {
		return err
	}
	c.DNSAddrs, err = listen("dns", or(a.DNS, ""), client, p.DNS, defaultDNSPort)
	return err
}

// one is the IP address that a key gives, as it is or through a go-sockaddr template.
func one(key, text string) (netip.Addr, error) {
	addrs, err := expandTemplate(key, text)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(addrs) != 1 {
		return netip.Addr{}, fmt.Errorf("%s %q gives %d addresses: want one", key, text, len(addrs))
	}
	return parseAddr(key, addrs[0])
}

// expandTemplate is the addresses of a list separated by blanks, in which {{ }} stands for what the machine has.
func expandTemplate(key, text string) ([]string, error) {
	if !strings.Contains(text, "{{") {
		return strings.Fields(text), nil
	}
	out, err := template.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s %q is not a usable template: %w", key, text, err)
	}
	if strings.TrimSpace(out) == "" {
		return nil, fmt.Errorf("%s %q finds no address on this machine", key, text)
	}
	return strings.Fields(out), nil
}

func parseAddr(key, s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s %q is not an IP address", key, s)
	}
	return a.Unmap(), nil
}

// listen makes the addresses of one surface from a list separated by blanks; where it is empty, client_addr counts. A unix path needs no
// port.
func listen(surface, addrs, client string, p *int, def int) ([]string, error) {
	n, err := port(surface, p, def)
	if err != nil {
		return nil, err
	}
	key := "addresses." + surface
	if addrs == "" {
		key, addrs = "client_addr", client
	}
	all, err := expandTemplate(key, addrs)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range all {
		if strings.HasPrefix(a, unixScheme) {
			if surface != "http" {
				return nil, fmt.Errorf("%s %q is a unix socket: only HTTP listens on those, give an IP address", key, a)
			}
			out = append(out, a)
			continue
		}
		if n < 0 {
			continue
		}
		ip, err := parseAddr(key, a)
		if err != nil {
			return nil, err
		}
		if at := net.JoinHostPort(ip.String(), strconv.Itoa(n)); n == 0 || !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out, nil
}

// advertise is the address that the other members are told: the one given, else the one bound, else the machine's only private
// address. A virtual IP that the machine holds from its last life is not its own.
func advertise(c *Config, given string) (netip.Addr, error) {
	if given != "" {
		return one("advertise_addr", given)
	}
	if !c.BindAddr.IsUnspecified() {
		return c.BindAddr, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("cannot list this machine's addresses: %w", err)
	}
	var own []netip.Prefix
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() == c.BindAddr.Is4() && p.Addr().IsPrivate() && !c.isVIP(p.Addr()) {
			own = append(own, p)
		}
	}
	return soleAddr(c.BindAddr, own)
}

// soleAddr chooses the machine's own address. One that stands alone in its network is likely to be virtual if there are others.
func soleAddr(bind netip.Addr, own []netip.Prefix) (netip.Addr, error) {
	if networks := slices.DeleteFunc(slices.Clone(own), netip.Prefix.IsSingleIP); len(networks) > 0 {
		own = networks
	}
	switch len(own) {
	case 0:
		return netip.Addr{}, fmt.Errorf("bind_addr is %s and this machine has no private address to advertise: set advertise_addr or bind_addr", bind)
	case 1:
		return own[0].Addr(), nil
	}
	var names []string
	for _, p := range own {
		names = append(names, p.Addr().String())
	}
	return netip.Addr{}, fmt.Errorf("bind_addr is %s and this machine has several private addresses (%s): set advertise_addr or bind_addr", bind, strings.Join(names, ", "))
}

// isVIP reports whether an address belongs to a group of the config files.
func (c *Config) isVIP(a netip.Addr) bool {
	return slices.ContainsFunc(c.Groups, func(g cluster.Group) bool {
		return slices.ContainsFunc(g.VIPs, func(v cluster.VIP) bool { return v.Addr() == a })
	})
}
