package lab

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/packet"

	"holdfast/failover/lab/echo"
	"holdfast/failover/lab/frame"
	"holdfast/failover/lab/witness"
)

// clientTrack is the series of questions that go by normal routing; the others are indexes of machines.
const clientTrack = 0xffff

// every asks once each period, from round 0 on, until the probe stops.
func (p *Probe) every(ask func(round uint32)) {
	next := p.base
	for round := uint32(0); !p.stopped.Load(); round++ {
		ask(round)
		next = max(next+p.opts.Period, echo.Monotonic()) // what was missed is not made up for
		echo.SleepUntil(next)
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
func (p *Probe) now() time.Duration { return echo.Monotonic() - p.base }

// askByRoute is what any client does.
func (p *Probe) askByRoute(round uint32) {
	q := echo.Question{Probe: p.id, Track: clientTrack, Round: round}
	p.note(&p.asks, func() error {
		_, _ = p.client.WriteToUDPAddrPort(q.Append(nil), p.target())
		return nil // without a route or a cable the client has asked all the same, and goes unanswered
	})
}

// askMachine sends a machine the question whoever the address belongs to.
func (p *Probe) askMachine(i uint16, round uint32) {
	q := echo.Question{Probe: p.id, Track: i, Round: round}
	t := &p.unicast[i]
	to := p.segment.ports[t.Machine].mac
	from := netip.AddrPortFrom(p.host(observerHost), p.observer.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	out := frame.Datagram(to, p.observerMAC(), p.target(), from, q.Append(nil))
	p.note(&t.Asks, func() error { return p.send(out, to) })
}

// askOwners asks all who has the address. The answer comes to a hardware address that tells the round.
func (p *Probe) askOwners(round uint32) {
	out := frame.WhoHas(p.opts.VIP, p.observerMAC(), p.replyTo(round), p.host(askerHost))
	p.note(&p.rounds, func() error { return p.send(out, net.HardwareAddr(out[:6])) })
}

// note records a question, before it is sent so that no answer can overtake the record, and takes the record back if it could not be sent.
func (p *Probe) note(asks *[]witness.Ask, send func() error) {
	p.mu.Lock()
	i := len(*asks)
	*asks = append(*asks, witness.Ask{Sent: p.now()})
	p.mu.Unlock()
	err := send()
	p.mu.Lock()
	defer p.mu.Unlock()
	(*asks)[i].SentBy = p.now()
	if err != nil {
		(*asks)[i].Sent = witness.Unsent
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
func (p *Probe) hear(c *net.UDPConn, heard func(echo.Answer, time.Duration)) {
	raw, err := c.SyscallConn()
	b := make([]byte, 2048)
	for err == nil && !p.deaf.Load() {
		if !echo.Readable(raw) {
			continue
		}
		n, _, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			continue // an ICMP error for an earlier question
		}
		if a, ok := echo.ParseAnswer(b[:n]); ok && a.Probe == p.id {
			heard(a, p.now())
		}
	}
}

func (p *Probe) heardClient(a echo.Answer, at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.Track == clientTrack {
		settle(p.asks, a, p.base, at)
	}
}

// heardUnicast takes an answer only from the machine that was asked.
func (p *Probe) heardUnicast(a echo.Answer, at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(a.Track) < len(p.unicast) && p.unicast[a.Track].Machine == a.Machine {
		settle(p.unicast[a.Track].Asks, a, p.base, at)
	}
}

// settle writes an answer to its question; the first counts.
func settle(asks []witness.Ask, a echo.Answer, base, at time.Duration) {
	if int(a.Round) < len(asks) && asks[a.Round].Heard == 0 {
		q := &asks[a.Round]
		q.Stamp, q.Heard, q.By = a.Sent-base, at, a.Machine
	}
}

// hearOwners reads who claims to have the address until the probe is deaf.
func (p *Probe) hearOwners() {
	raw, err := p.wire.SyscallConn()
	b := make([]byte, 2048)
	for err == nil && !p.deaf.Load() {
		if !echo.Readable(raw) {
			continue
		}
		n, _, err := p.wire.ReadFrom(b)
		if err != nil {
			continue // the interface was down for a moment
		}
		replyTo, owner, ok := frame.Owns(b[:n], p.opts.VIP)
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
func (p *Probe) ownerTracksLocked() []witness.Track {
	tracks := make([]witness.Track, 0, len(p.owners))
	for name, heard := range p.owners {
		t := witness.Track{Machine: name, Method: ByOwner, Asks: slices.Clone(p.rounds)}
		for i := range t.Asks {
			t.Asks[i].Heard = heard[uint32(i)]
		}
		tracks = append(tracks, t)
	}
	return tracks
}
