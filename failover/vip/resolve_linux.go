package vip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Resolve finds the interface for a: the named one, or the one whose own
// addresses lie in the prefix. It fails if there is none or several, and if
// the machine has the address as one of its own.
func (h *Host) Resolve(a Address) (Interface, error) {
	m, err := h.survey()
	if err != nil {
		return Interface{}, err
	}
	return m.resolve(a)
}

// survey is what the machine has at one moment.
type survey struct {
	links   []link
	entries []entry
}

func (h *Host) survey() (s survey, err error) {
	if s.links, err = h.links(); err != nil {
		return s, err
	}
	s.entries, err = h.entries()
	return s, err
}

// resolve is Resolve on what was found.
func (s survey) resolve(a Address) (Interface, error) {
	if err := a.Validate(); err != nil {
		return Interface{}, err
	}
	if err := s.free(a); err != nil {
		return Interface{}, err
	}
	if a.Interface != "" {
		i := slices.IndexFunc(s.links, func(l link) bool { return l.Name == a.Interface })
		if i < 0 {
			return Interface{}, fmt.Errorf("no interface of this machine is called %s (vip %s): name one of %s", a.Interface, a.Prefix, s.names())
		}
		return s.links[i].Interface, nil
	}
	var found []Interface
	for _, l := range s.links {
		if !l.loopback() && s.near(l, a.Prefix) {
			found = append(found, l.Interface)
		}
	}
	switch len(found) {
	case 0:
		return Interface{}, fmt.Errorf("no interface of this machine has an address in %s: name one with interface = \"...\"", a.Prefix.Masked())
	case 1:
		return found[0], nil
	}
	return Interface{}, fmt.Errorf("several interfaces of this machine (%s) have an address in %s: name one with interface = \"...\"", join(found), a.Prefix.Masked())
}

// free says whether the machine has a's address as one of its own, which it
// would go on serving whoever holds the lease.
func (s survey) free(a Address) error {
	for _, e := range s.entries {
		if e.prefix.Addr() == a.Prefix.Addr() && !e.managed() && !e.resembles() {
			return fmt.Errorf("vip %s is an address of this machine itself (%s on %s): remove it there, or choose another one",
				a.Prefix, e.prefix, s.link(e.index))
		}
	}
	return nil
}

// near reports whether an address of the machine's own on l lies in p. A p
// that is one address alone lies near those whose network it is in.
func (s survey) near(l link, p netip.Prefix) bool {
	return slices.ContainsFunc(s.entries, func(e entry) bool {
		if e.index != l.Index || e.managed() || e.resembles() {
			return false
		}
		return p.Contains(e.prefix.Addr()) || p.IsSingleIP() && e.prefix.Contains(p.Addr())
	})
}

// link returns the interface with an index, nameless if it has just gone.
func (s survey) link(index int) Interface {
	for _, l := range s.links {
		if l.Index == index {
			return l.Interface
		}
	}
	return Interface{Index: index}
}

// names lists the interfaces that could carry an address.
func (s survey) names() string {
	var list []Interface
	for _, l := range s.links {
		if !l.loopback() {
			list = append(list, l.Interface)
		}
	}
	return join(list)
}

func join(list []Interface) string {
	names := make([]string, len(list))
	for i, l := range list {
		names[i] = l.Name
	}
	return strings.Join(names, ", ")
}
