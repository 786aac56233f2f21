package failover

import (
	"net"
	"net/netip"
	"slices"
)

// darkInterfaces are the interfaces without a carrier at this moment, by index, a sentence each.
func darkInterfaces() map[int]string {
	dark := map[int]string{}
	ifs, err := net.Interfaces()
	if err != nil {
		return dark // what changes is told one by one
	}
	for _, i := range ifs {
		if works := net.FlagUp | net.FlagRunning; i.Flags&works != works {
			dark[i.Index] = i.Name + " is down, or has no carrier"
		}
	}
	return dark
}

// interfaces are what the leader is told of this machine's interfaces: their hardware addresses, and where it can carry addresses. Single
// addresses (/32, /128) are left out: among them are those that it carries already.
func interfaces() (macs, networks []string) {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, nil
	}
	for _, i := range ifs {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if mac := i.HardwareAddr.String(); mac != "" && !slices.Contains(macs, mac) {
			macs = append(macs, mac)
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Bits() < p.Addr().BitLen() && !p.Addr().IsLinkLocalUnicast() {
				networks = append(networks, i.Name+" "+p.String())
			}
		}
	}
	slices.Sort(macs)
	slices.Sort(networks)
	return macs, networks
}
