package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

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
	if c.BindAddr, err = parseAddr("bind_addr", or(f.BindAddr, "0.0.0.0")); err != nil {
		return err
	}
	if c.AdvertiseAddr, err = advertise(c.BindAddr, or(f.AdvertiseAddr, "")); err != nil {
		return err
	}
	client := or(f.ClientAddr, "127.0.0.1")
	a := or(f.Addresses, Addresses{})
	if c.HTTPAddrs, err = listen("http", or(a.HTTP, client), p.HTTP, defaultHTTPPort); err != nil {
		return err
	}
	c.DNSAddrs, err = listen("dns", or(a.DNS, client), p.DNS, defaultDNSPort)
	return err
}

func parseAddr(key, s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s %q is not an IP address", key, s)
	}
	return a.Unmap(), nil
}

// listen makes the addresses of one surface from a list separated by blanks. A unix path needs no port.
func listen(surface, addrs string, p *int, def int) ([]string, error) {
	n, err := port(surface, p, def)
	if err != nil {
		return nil, err
	}
	var out []string
	for a := range strings.FieldsSeq(addrs) {
		if strings.HasPrefix(a, "unix://") {
			out = append(out, a)
			continue
		}
		if n < 0 {
			continue
		}
		ip, err := parseAddr("addresses."+surface+" (or client_addr)", a)
		if err != nil {
			return nil, err
		}
		out = append(out, net.JoinHostPort(ip.String(), strconv.Itoa(n)))
	}
	return out, nil
}

// advertise is the address that the other members are told: the one given, else the one bound, else the machine's only private
// address.
func advertise(bind netip.Addr, given string) (netip.Addr, error) {
	if given != "" {
		return parseAddr("advertise_addr", given)
	}
	if !bind.IsUnspecified() {
		return bind, nil
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("cannot list this machine's addresses: %w", err)
	}
	var private []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() == bind.Is4() && p.Addr().IsPrivate() {
			private = append(private, p.Addr())
		}
	}
	switch len(private) {
	case 0:
		return netip.Addr{}, fmt.Errorf("bind_addr is %s and this machine has no private address to advertise: set advertise_addr or bind_addr", bind)
	case 1:
		return private[0], nil
	}
	return netip.Addr{}, fmt.Errorf("bind_addr is %s and this machine has several private addresses (%s): set advertise_addr or bind_addr", bind, joinAddrs(private))
}

func joinAddrs(addrs []netip.Addr) string {
	s := make([]string, len(addrs))
	for i, a := range addrs {
		s[i] = a.String()
	}
	return strings.Join(s, ", ")
}
