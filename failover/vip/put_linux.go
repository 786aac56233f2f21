package vip

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Put makes an interface carry a for validFor from now on: it adds the
// address, or renews it if it is there. When it returns, packets for the
// address are accepted, as far as a fence lets them.
func (h *Host) Put(i Interface, a Address, validFor time.Duration) error {
	if err := a.Validate(); err != nil {
		return err
	}
	valid, err := wholeSeconds(validFor)
	if err != nil {
		return err
	}
	return h.put(i, a.placed(), valid, a.Source)
}

// Remove takes a off an interface. An address or interface that is not there
// is no error: the machine is as wanted.
func (h *Host) Remove(i Interface, a Address) error {
	if err := a.Validate(); err != nil {
		return err
	}
	return h.remove(i, a.placed())
}

func (h *Host) put(i Interface, p netip.Prefix, valid uint32, source bool) error {
	e := entry{index: i.Index, prefix: p, flags: ourFlags, proto: protocol, valid: valid}
	if source {
		e.preferred = valid
	} else if p.Addr().Is4() {
		e.scope = unix.RT_SCOPE_HOST
	}
	const replace = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	err := h.execute(e.message(unix.RTM_NEWADDR, replace, ourLabel(i.Name)))
	if errors.Is(err, unix.EINVAL) && e.scope != 0 && !p.IsSingleIP() {
		// All IPv4 addresses of one network share a scope. Beside another,
		// this one becomes secondary, which is no source address either.
		e.scope = unix.RT_SCOPE_UNIVERSE
		err = h.execute(e.message(unix.RTM_NEWADDR, replace, ourLabel(i.Name)))
	}
	switch {
	case err == nil:
		if p.Addr().Is6() {
			h.awaitLive(i, p.Addr())
		}
		return nil
	case errors.Is(err, unix.EPERM):
		return missing("CAP_NET_ADMIN")
	case errors.Is(err, unix.ENODEV):
		return gone(i)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("interface %s cannot carry %s because IPv6 is disabled: set net.ipv6.conf.%s.disable_ipv6=0", i, p.Addr(), i)
	}
	return fmt.Errorf("put %s on %s: %w", p, i, err)
}

func (h *Host) remove(i Interface, p netip.Prefix) error {
	undo := h.expectRemoval(place{i.Index, p})
	err := h.execute(entry{index: i.Index, prefix: p}.message(unix.RTM_DELADDR, 0, ""))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENODEV):
		undo()
		return nil
	case errors.Is(err, unix.EPERM):
		undo()
		return missing("CAP_NET_ADMIN")
	}
	undo()
	return fmt.Errorf("remove %s from %s: %w", p, i, err)
}
