// Package vip carries virtual addresses on this machine: it puts them on an
// interface and takes them off, tells the neighbours, asks who else answers
// for them, and reports what happens to them behind its back.
//
// It decides nothing. Which machine serves an address is the lease's matter
// and whether packets pass is the fence's; a [Host] only makes the machine
// agree with what it is told, and each call may be repeated without harm.
//
//	h := vip.New()
//	if err := h.Open(); err != nil { ... } // names the capability that is missing
//	defer h.Close()
//	iface, err := h.Resolve(address)
//	owner, found, err := h.Probe(ctx, iface, addr, 100*time.Millisecond)
//	err = h.Put(iface, address, 5*time.Second) // behind a closed fence
//	err = h.Announce(ctx, iface, addr, 3, 200*time.Millisecond)
//	changes, err := h.Set(assigned) // now and then: repairs, renews, removes
//
// # How an address lies on the machine
//
// As a single address (/32, /128), without duplicate address detection and
// without a prefix route, so that adding it changes neither routes nor the
// source address of any connection: an IPv4 address has scope host, which
// source selection passes over, an IPv6 address has a preferred lifetime of
// zero (RFC 4862 section 5.5.4, RFC 6724 rule 3). A program that wants it as
// source binds to it. Two exceptions: connections of the machine to the
// address itself, and an IPv6 machine that has no other global address.
//
// It also has a valid lifetime of a few seconds. The kernel removes it up to
// half a second after that unless [Host.Put] or [Host.Set] renew it, so a
// daemon that died leaves nothing behind. Renewing is one netlink message
// and neither removes the address nor disturbs what uses it.
//
// # Which addresses are ours
//
// Those with our number as address protocol (IFA_PROTO, Linux 5.18) or with
// the label "eth0:hf" (IPv4, interface names of up to 12 letters). Older
// kernels keep no mark of an IPv6 address, so [Host.Set] and [Host.Owned]
// take the caller's list of managed addresses too. One network namespace has
// one owner: a second daemon in it would remove the first one's addresses.
//
// # What neighbours see
//
// Announcements are sent through the interface that carries the address, be
// it a bridge, a bond, a VLAN or a macvlan: for IPv4 both an ARP request and
// an ARP reply that name the address as sender and target (RFC 5227 section
// 3; some equipment heeds only one form), for IPv6 an unsolicited neighbour
// advertisement with the override flag to all nodes (RFC 4861 section 7.2.6),
// from which routers also make new entries (RFC 9131 section 6.1.1).
//
// A Linux machine by default answers ARP for any of its addresses on every
// interface. If two of them lie in one segment, neighbours may learn the
// wrong one. This package changes no sysctl; [Host.Warnings] says which one
// to change.
//
// # Network namespaces
//
// Sockets are opened by the calling goroutine, in Open and Watch; a caller
// that has locked its thread into a network namespace stays in it.
package vip
