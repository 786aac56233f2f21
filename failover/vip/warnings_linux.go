package vip

import "fmt"

// Warnings says which sysctls of this machine hinder a on its interface, one
// sentence each. It changes none.
func (h *Host) Warnings(i Interface, a Address) ([]string, error) {
	s, err := h.survey()
	if err != nil {
		return nil, err
	}
	if a.Prefix.Addr().Is6() {
		return nil, nil
	}
	list := ignored(i, a, arpIgnore(i))
	for _, l := range s.links {
		if l.Index != i.Index && !l.loopback() && l.up() && s.near(l, a.Prefix) && arpIgnore(l.Interface) == "0" {
			list = append(list, fmt.Sprintf("%s is in the network of %s too and answers ARP for %s, so neighbours may send to the wrong interface: set net.ipv4.conf.%s.arp_ignore=1",
				l.Name, i, a.Prefix.Addr(), l.Name))
		}
	}
	return list, nil
}

// ignored says whether the carrying interface leaves ARP for a unanswered.
func ignored(i Interface, a Address, mode string) []string {
	const sentence = "%s does not answer ARP for %s %s (net.ipv4.conf.%s.arp_ignore is %s): set it to 1"
	switch mode {
	case "2":
		if !a.KeepPrefix {
			return []string{fmt.Sprintf(sentence, i, a.Prefix.Addr(), "because it stands there without its network", i, mode)}
		}
	case "3":
		return []string{fmt.Sprintf(sentence, i, a.Prefix.Addr(), "because it has scope host", i, mode)}
	case "8":
		return []string{fmt.Sprintf(sentence, i, a.Prefix.Addr(), "nor for any other address", i, mode)}
	}
	return nil
}

// arpIgnore is the mode in force on an interface: the kernel takes the larger
// of its own and that of all.
func arpIgnore(i Interface) string {
	return max(sysctl("ipv4", "all", "arp_ignore"), sysctl("ipv4", i.Name, "arp_ignore"))
}
