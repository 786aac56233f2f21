package vip

import (
	"fmt"
)

// EventKind says what happened on the machine.
type EventKind int

// The kinds of events. Resync comes when a watch begins and when the kernel
// has dropped events: compare everything, the watch vouches for what follows.
const (
	Resync EventKind = iota
	AddressAdded
	AddressRemoved
	LinkUp              // administratively up and with carrier
	LinkDown            // either of the two missing
	LinkGone            // removed, or moved to another namespace
	HardwareAddrChanged // announce again: neighbours hold the old one
)

// Event is a change on the machine, by whatever.
type Event struct {
	Kind      EventKind
	Interface Interface
	Address   Placed // of address events
	Managed   bool   // the address bears our mark
	Own       bool   // it was removed by this Host
	Expired   bool   // it was removed by the kernel because nobody renewed it
	By        string // the process that did it where the kernel says so (IPv4), as "ip (pid 4711)"; else ""
}

// String returns the event as a sentence for a log or a timeline.
func (e Event) String() string {
	switch e.Kind {
	case Resync:
		return "the watch starts anew"
	case AddressAdded:
		return fmt.Sprintf("%s was added to %s%s", e.Address.Prefix.Addr(), e.Interface, e.by(""))
	case AddressRemoved:
		return fmt.Sprintf("%s was removed from %s%s", e.Address.Prefix.Addr(), e.Interface, e.by(" by something else"))
	case LinkUp:
		return fmt.Sprintf("%s is up", e.Interface)
	case LinkDown:
		return fmt.Sprintf("%s is down", e.Interface)
	case LinkGone:
		return fmt.Sprintf("%s is gone", e.Interface)
	case HardwareAddrChanged:
		return fmt.Sprintf("%s has a new hardware address %s", e.Interface, e.Interface.HardwareAddr)
	}
	return fmt.Sprintf("event %d on %s", int(e.Kind), e.Interface)
}

func (e Event) by(unknown string) string {
	switch {
	case e.Own:
		return " by this agent"
	case e.Expired:
		return " by the kernel: nobody renewed it"
	case e.By != "":
		return " by " + e.By
	}
	return unknown
}
