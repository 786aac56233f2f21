// Package fence keeps managed addresses closed to the network unless their
// lease lies ahead, and lets the kernel do it.
//
// A machine may hold an address only while its lease lasts. A daemon cannot
// promise that by itself: it may be killed, stopped or starved at the moment
// when it should have let go. So the daemon only tells the kernel, ahead of
// time, until when the address may be served, and the kernel drops everything
// beyond that instant with no process doing anything.
//
// # Contract
//
// The deadline of an address is an instant on CLOCK_BOOTTIME. An address that is
// managed and whose deadline has passed (or is zero) is closed, on each attached
// interface:
//
//   - IPv4 and IPv6 coming in to it, and going out from it, are dropped,
//     forwarded and translated packets included;
//   - ARP going out that names it as the sender is dropped (replies, gratuitous
//     ARP, requests), and so are IPv6 neighbour advertisements for it;
//   - ARP and neighbour discovery coming in pass, so that this machine learns who
//     has the address now. The probe for a foreign owner passes too: ARP from
//     0.0.0.0 (RFC 5227), a solicitation from :: (RFC 4862). It asks, and claims
//     nothing; managed addresses go without duplicate address detection.
//
// An address that is not managed is none of the fence's business and passes. Since
// forwarding is covered, a router that manages an address without holding it does
// not lead others to the machine that does; its own programs reach that machine.
//
// # Order
//
//	f, err := fence.New(fence.Options{Logger: log})
//	f.Attach(ifindex)          // every interface but lo, again whenever one appears
//	f.Manage(addr)             // closed from here on
//	                           // now add the address to its interface, an IPv6
//	                           // address without duplicate address detection
//	sent := fence.Now()        // before the lease is asked for
//	f.Open(addr, sent.Add(ttl))
//	f.Shut(addr)               // or let the deadline pass
//	                           // now remove the address from its interface
//	f.Forget(addr)
//
// Attach every interface, not just the one that carries the address: Linux
// answers for its addresses on all of them. Processes of this machine reach a
// closed address over lo, which is never fenced. Not seen by any driver: packet
// sockets that bypass the queueing discipline (PACKET_QDISC_BYPASS), XDP programs
// that answer by themselves, and a hypervisor that stops the machine together
// with its clock.
//
// # Life
//
// Enforcement lives in the kernel: Close, kill -9 and a crash leave it in place.
// The next New finds it, takes over its addresses and deadlines, and Attach
// replaces its programs in one step in which nothing closed passes. Remove ends
// it in good order. A fence belongs to the network namespace of the thread that
// calls New and Attach; fences of other namespaces are never touched.
//
// # Drivers
//
//   - tcx (Linux 6.6 and later) and clsact (Linux 5.11 and later) run one small
//     eBPF program, assembled here, at tc ingress and egress. Deadlines are
//     absolute, so a write that comes late opens nothing.
//   - nftables (Linux 5.16 and later) serves where eBPF is refused, as in an
//     unprivileged user namespace. IT IS WEAKER: its timeouts are relative to the
//     moment when the kernel handles the write. A daemon that is stopped between
//     having its lease and telling the kernel opens the address, when it goes on,
//     for as long as it had been stopped beyond the lease; and time that the
//     machine sleeps does not count. In-band VLAN tags are not looked into.
package fence
