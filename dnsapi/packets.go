package dnsapi

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster/state"
	"holdfast/dnsapi/socket"
)

// packets answers what comes on one UDP socket. There are several sockets for an address, each with a goroutine of its own that shares
// nothing with the others: the kernel deals the clients out among them.
type packets struct {
	*handler
	socket *socket.UDP

	writer
	known map[string]name // names of services, by what tells questions apart: understood once
	cfg   *Config         // that they were understood by
	key   []byte
	out   []byte
}

// maxKnown bounds how many names a socket remembers; then it begins anew.
const maxKnown = 4096

func newPackets(h *handler, s *socket.UDP) *packets {
	return &packets{handler: h, socket: s, known: map[string]name{}}
}

// run answers until the socket has a deadline that is over.
func (p *packets) run() {
	in := make([]byte, takeUDP)
	for {
		n, from, err := p.socket.Receive(in)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			p.log.Debug("cannot read a question", "error", err)
			continue
		}
		if wire := p.quick(in[:n]); wire != nil {
			p.send(wire, from)
			continue
		}
		p.whole(append([]byte(nil), in[:n]...), from)
	}
}

func (p *packets) send(wire []byte, to socket.Peer) {
	if wire == nil {
		return
	}
	if err := p.socket.Reply(wire, to); err != nil {
		p.log.Debug("cannot send an answer", "to", to.Addr.String(), "error", err)
	}
}

// quick answers an ordinary question about a service from its template; nil where that is not possible.
func (p *packets) quick(packet []byte) []byte {
	came, c := time.Now(), p.config()
	q, ok := readQuestion(packet)
	if !ok || c.DisableCompression {
		return nil
	}
	n, ok := p.understand(c, &q)
	if !ok {
		return nil
	}
	var t *template
	fresh, err := p.stale(p.ctx, c, func(v *state.View) error { t = templateFor(v, c, n, q.qtype); return nil })
	if !fresh || err != nil || t == nil {
		return nil
	}
	p.out = p.write(p.out[:0], &q, t, q.room(c), c.flags(), c.Truncate)
	c.Metrics.found(came)
	return p.out
}

// understand is parseName for names of services, remembered.
func (p *packets) understand(c *Config, q *question) (name, bool) {
	if p.cfg != c {
		p.cfg = c
		clear(p.known)
	}
	p.key = q.appendKey(p.key[:0])
	n, ok := p.known[string(p.key)]
	if !ok {
		if n = parseName(c, q.text()); n.kind != service {
			return n, false
		}
		if len(p.known) >= maxKnown {
			clear(p.known)
		}
		p.known[string(p.key)] = n
	}
	return n, true
}

// whole answers any packet, as package dns reads it. What may have to wait for others does not hold up this socket.
func (p *packets) whole(packet []byte, from socket.Peer) {
	req, wire := unpack(packet)
	if req == nil {
		p.send(wire, from)
		return
	}
	if c := p.config(); !p.waits(c) && !c.goesAbroad(req) {
		p.send(p.answer(req, true, from.Addr.Addr()), from)
		return
	}
	select {
	case p.pending <- struct{}{}:
		p.answering.Go(func() {
			defer func() { <-p.pending }()
			p.send(p.answer(req, true, from.Addr.Addr()), from)
		})
	default: // the client asks again; by then some have their answers
	}
}

// unpack reads a packet. Where that is no question there is no request, and the answer says so, or is nil for silence.
func unpack(packet []byte) (req *dns.Msg, answer []byte) {
	if len(packet) < headerSize {
		return nil, nil
	}
	head := dns.Header{
		Id: binary.BigEndian.Uint16(packet), Bits: binary.BigEndian.Uint16(packet[2:]), Qdcount: binary.BigEndian.Uint16(packet[4:]),
		Ancount: binary.BigEndian.Uint16(packet[6:]), Nscount: binary.BigEndian.Uint16(packet[8:]), Arcount: binary.BigEndian.Uint16(packet[10:]),
	}
	code := dns.RcodeFormatError
	switch dns.DefaultMsgAcceptFunc(head) {
	case dns.MsgIgnore:
		return nil, nil
	case dns.MsgRejectNotImplemented:
		code = dns.RcodeNotImplemented
	case dns.MsgAccept:
		req = new(dns.Msg)
		if req.Unpack(packet) == nil {
			return req, nil
		}
	}
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Id: head.Id, Response: true, Opcode: int(head.Bits>>11) & 0xf, Rcode: code, RecursionDesired: head.Bits&flagRD != 0}}
	answer, err := m.Pack()
	if err != nil {
		return nil, nil
	}
	return nil, answer
}

// flags are those of every answer about our own names.
func (c *Config) flags() uint16 {
	if c.recurses() {
		return flagAnswer | flagRA
	}
	return flagAnswer
}
