// Package dnsapi answers DNS questions about the catalog, on UDP and TCP, in the names that Consul's users know:
//
//	[TAG.]NAME.service[.DC].DOMAIN        the healthy instances of a service: A, AAAA, SRV, SVCB, HTTPS
//	_NAME._TAG.service[.DC].DOMAIN        the same as RFC 2782 writes it; _tcp stands for any tag, _udp too where no instance has that tag
//	NODE.node[.DC].DOMAIN                 a node: A, AAAA, TXT (its metadata)
//	GROUP.group[.DC].DOMAIN               a failover group: A, AAAA (its addresses), SRV (its service on the holder), TXT (holder, epoch)
//	holder.GROUP.group[.DC].DOMAIN        the machine that holds a group: A, AAAA
//	NAME.query[.DC].DOMAIN                a prepared query, also as _NAME._tcp.query…: A, AAAA, SRV, in its order and with its TTL
//	HEX.addr[.DC].DOMAIN                  the address that HEX is
//	DOMAIN                                SOA, NS
//	…in-addr.arpa, …ip6.arpa              PTR of nodes and service addresses
//
// DC may be written "dc1" or "dc1.dc"; another datacenter than ours does not exist (NXDOMAIN). What is outside of DOMAIN is asked of the
// zones that the config names, whose records are keys of the store (package zone), else of the recursors (package recursor), or REFUSED. Letter
// case means nothing in a question and comes back as it was asked (0x20).
//
// A question becomes a name (name.go), the name is looked up in a View (lookup.go), and what is found becomes records (record.go,
// service.go). Only the writer of the message (message.go) knows about sizes. Answers come from this member's own copy of the state, so they
// go on through any outage.
//
// Nearly all that is asked over UDP is an ordinary question about a service, and has a shorter way with the same answers: its bytes
// (question.go) are answered from records that were made once, and are kept with the state for as long as nothing about the service changes
// (template.go). Each UDP socket has a goroutine that shares nothing with the others (packets.go).
//
// Where Consul and the RFCs differ in what a resolver may cache, the RFCs win: names that exist only because names below them do
// ("service.consul.", "10.in-addr.arpa.") are NOERROR without answers, not NXDOMAIN, so that a resolver that asks label by label (RFC 9156)
// arrives; and SOA or NS below the domain are answered with the domain's SOA in the authority section (RFC 2308).
package dnsapi
