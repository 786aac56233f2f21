package lab

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/packet"
)

// every asks once each period, from round 0 on, until the probe stops.
func (p *Probe) every(ask func(round uint32)) {
	next := p.base
	for round := uint32(0); !p.stopped.Load(); round++ {
		ask(round)
		next = max(next+p.opts.Period, monotonic()) // what was missed is not made up for
		sleepUntil(next)
	}
}

// askAround asks all machines in both ways that need no routing.
func (p *Probe) askAround(round uint32) {
	p.askOwners(round)
	for i := range p.unicast {
		p.askMachine(uint16(i), round)
	}
}

// now is the time since the probe began, on the clock that the machines share.
func (p *Probe) now() time.Duration { return monotonic() - p.base }

// askByRoute is what any client does.
func (p *Probe) askByRoute(round uint32) {
	q := question{probe: p.id, track: clientTrack, round: round}
	p.note(&p.asks, func() error {
		_, err := p.client.WriteToUDPAddrPort(q.append(nil, questionMagic), p.target())
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil // without a route or a cable the client has asked all the same, and goes unanswered
	})
}

// askMachine sends a machine the question whoever the address belongs to.
func (p *Probe) askMachine(i uint16, round uint32) {
	q := question{probe: p.id, track: i, round: round}
	t := &p.unicast[i]
	to := p.segment.ports[t.machine].mac
	from := netip.AddrPortFrom(p.host(observerHost), p.observer.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	frame := datagram(to, p.observerMAC(), p.target(), from, q.append(nil, questionMagic))
	p.note(&t.asks, func() error { return p.send(frame, to) })
}

// askOwners asks all who has the address. The answer comes to a hardware address that tells the round.
func (p *Probe) askOwners(round uint32) {
	frame := whoHas(p.opts.VIP, p.observerMAC(), p.replyTo(round), p.host(askerHost))
	p.note(&p.rounds, func() error { return p.send(frame, net.HardwareAddr(frame[:6])) })
}

// note records a question, before it is sent so that no answer can overtake the record, and takes the record back if it could not be sent.
func (p *Probe) note(asks *[]ask, send func() error) {
	p.mu.Lock()
	i := len(*asks)
	*asks = append(*asks, ask{sent: p.now()})
	p.mu.Unlock()
	err := send()
	p.mu.Lock()
	defer p.mu.Unlock()
	(*asks)[i].sentBy = p.now()
	if err != nil {
		(*asks)[i].sent = unsent
	}
}

func (p *Probe) send(frame []byte, to net.HardwareAddr) error {
	_, err := p.wire.WriteTo(frame, &packet.Addr{HardwareAddr: to})
	return err
}

func (p *Probe) target() netip.AddrPort { return netip.AddrPortFrom(p.opts.VIP, p.opts.Port) }

func (p *Probe) observerMAC() net.HardwareAddr { return p.segment.ports[observerName].mac }

// replyTo is a hardware address that nobody has: 02, the probe with the top bit set, and the round.
func (p *Probe) replyTo(round uint32) net.HardwareAddr {
	return binary.BigEndian.AppendUint32([]byte{0x02, 0x80 | byte(p.id)}, round)
}

// hear reads answers until the probe is deaf.
func (p *Probe) hear(c *net.UDPConn, heard func(answer, time.Duration)) {
	raw, err := c.SyscallConn()
	b := make([]byte, 2048)
	for err == nil && !p.deaf.Load() {
		if !readable(raw) {
			continue
		}
		n, _, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			continue // an ICMP error for an earlier question
		}
		if a, ok := parseAnswer(b[:n]); ok && a.probe == p.id {
			heard(a, p.now())
		}
	}
}

func (p *Probe) heardClient(a answer, at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.track == clientTrack {
		settle(p.asks, a, p.base, at)
	}
}

// heardUnicast takes an answer only from the machine that was asked.
func (p *Probe) heardUnicast(a answer, at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(a.track) < len(p.unicast) && p.unicast[a.track].machine == a.Machine {
		settle(p.unicast[a.track].asks, a, p.base, at)
	}
}

// settle writes an answer to its question; the first counts.
func settle(asks []ask, a answer, base, at time.Duration) {
	if int(a.round) < len(asks) && asks[a.round].heard == 0 {
		q := &asks[a.round]
		q.stamp, q.heard, q.by = a.Sent-base, at, a.Machine
	}
}

// hearOwners reads who claims to have the address until the probe is deaf.
func (p *Probe) hearOwners() {
	raw, err := p.wire.SyscallConn()
	b := make([]byte, 2048)
	for err == nil && !p.deaf.Load() {
		if !readable(raw) {
			continue
		}
		n, _, err := p.wire.ReadFrom(b)
		if err != nil {
			continue // the interface was down for a moment
		}
		replyTo, owner, ok := owns(b[:n], p.opts.VIP)
		if !ok || !slices.Equal(replyTo[:2], p.replyTo(0)[:2]) {
			continue
		}
		p.heardOwner(owner, binary.BigEndian.Uint32(replyTo[2:]), p.now())
	}
}

func (p *Probe) heardOwner(owner net.HardwareAddr, round uint32, at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.macs[owner.String()]
	if name == "" {
		name = owner.String()
	}
	if p.owners[name] == nil {
		p.owners[name] = make(map[uint32]time.Duration)
	}
	if p.owners[name][round] == 0 {
		p.owners[name][round] = at
	}
}

// ownerTracksLocked are the questions that everyone was asked at once, as one track for each who ever answered one.
func (p *Probe) ownerTracksLocked() []track {
	tracks := make([]track, 0, len(p.owners))
	for name, heard := range p.owners {
		t := track{machine: name, method: ByOwner, asks: slices.Clone(p.rounds)}
		for i := range t.asks {
			t.asks[i].heard = heard[uint32(i)]
		}
		tracks = append(tracks, t)
	}
	return tracks
}
