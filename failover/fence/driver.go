package fence

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ledger is the list of managed addresses and deadlines as the kernel keeps it.
// Addresses come unmapped. All but manage and forget give ErrNotManaged for an
// address that is not on it.
type ledger interface {
	manage(netip.Addr) error // closed, unless it is on the list already
	forget(netip.Addr) error
	set(netip.Addr, Boottime) error
	deadline(netip.Addr) (Boottime, error)
	deadlines() (map[netip.Addr]Boottime, error)
}

// driver makes the kernel hold interfaces to its ledger.
type driver interface {
	ledger
	attach(link) error         // idempotent; repairs; replaces what an earlier daemon left
	attached() ([]link, error) // the interfaces that carry a fence of this kind
	close() error              // lets go of our handles
	remove() error             // ends the enforcement, then as close
}

// link is an interface that can carry packets of a managed address.
type link struct {
	index int
	name  string
	ether bool // packets begin with an Ethernet header
}

// kind is a driver before it is opened.
type kind struct {
	option string // as in Options
	name   string // as in Fence.Driver
	traits string // how it enforces, and in what it is weaker
	probe  func() error
	left   func() (bool, error)   // whether the kernel has a fence of this kind here
	open   func() (driver, error) // takes over what is left, or begins empty
}

// choose returns the kind that the option names, or the first that works together
// with why those before it do not.
func choose(option string) (kind, []string, error) {
	var passed, options []string
	for _, k := range kinds() {
		options = append(options, k.option)
		auto := option == "" || option == "auto"
		if !auto && option != k.option {
			continue
		}
		err := k.probe()
		switch {
		case err == nil:
			return k, passed, nil
		case !auto:
			return kind{}, nil, fmt.Errorf("fence %s cannot work here: %w", k.name, err)
		}
		passed = append(passed, k.name+": "+err.Error())
	}
	switch {
	case len(options) == 0:
		return kind{}, nil, errors.New("no fence on this system: Holdfast holds addresses on Linux only")
	case len(passed) == 0:
		return kind{}, nil, fmt.Errorf("fence driver %q is unknown: use auto, %s", option, strings.Join(options, " or "))
	}
	return kind{}, nil, fmt.Errorf("no fence can work here: %s", strings.Join(passed, "; "))
}

// inherit moves what a daemon with another driver left behind into this fence:
// first the deadlines, then the interfaces, and only then the old one goes.
func (f *Fence) inherit() error {
	for _, k := range kinds() {
		if k.option == f.kind.option {
			continue
		}
		if there, err := k.left(); err != nil || !there {
			continue // what this process may not even see it cannot take over
		}
		old, err := k.open()
		if err != nil {
			return fmt.Errorf("open the fence that driver %s left: %w", k.name, err)
		}
		if err := replaceFence(old, f.driver); err != nil {
			return errors.Join(fmt.Errorf("take over the fence of driver %s: %w", k.name, err), old.close())
		}
		f.log.Info("took over the fence of another driver", "from", k.name, "to", f.kind.name)
	}
	return nil
}

func replaceFence(old, with driver) error {
	if err := copyDeadlines(old, with); err != nil {
		return err
	}
	links, err := old.attached()
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := with.attach(l); err != nil {
			return err
		}
	}
	return old.remove()
}

// copyDeadlines adds one ledger to another. An address on both keeps the earlier
// deadline: it may not be served longer than either allows.
func copyDeadlines(from, to ledger) error {
	all, err := from.deadlines()
	if err != nil {
		return err
	}
	for addr, deadline := range all {
		kept, err := to.deadline(addr)
		switch {
		case errors.Is(err, ErrNotManaged):
			if err := to.manage(addr); err != nil {
				return err
			}
		case err != nil:
			return err
		case kept <= deadline:
			continue
		}
		if err := to.set(addr, deadline); err != nil {
			return err
		}
	}
	return nil
}
