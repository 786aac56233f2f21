package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"

	"holdfast/failover/lab/echo"
	"holdfast/failover/lab/frame"
)

// listen opens the three sockets, each where it belongs.
func (p *Probe) listen(ctx context.Context) error {
	family := "udp4"
	if p.opts.VIP.Is6() {
		family = "udp6"
	}
	lc := new(net.ListenConfig)
	err := p.lab.Machine(p.opts.From).Do(func() error {
		c, err := lc.ListenPacket(ctx, family, ":0")
		p.client, _ = c.(*net.UDPConn)
		return err
	})
	if err != nil {
		return fmt.Errorf("listen on %s: %w", p.opts.From, err)
	}
	err = inNetNS(p.segment.observer, func() error {
		c, err := lc.ListenPacket(ctx, family, netip.AddrPortFrom(p.host(observerHost), 0).String())
		if err != nil {
			return err
		}
		p.observer, _ = c.(*net.UDPConn)
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		p.wire, err = packet.Listen(ifi, packet.Raw, p.etherType(), &packet.Config{Filter: p.interest()})
		if err != nil {
			return err
		}
		return p.wire.SetPromiscuous(true)
	})
	if err != nil {
		return fmt.Errorf("listen on the observer: %w", err)
	}
	echo.Roomy(p.client)
	echo.Roomy(p.observer)
	return nil
}

func (p *Probe) etherType() int {
	if p.opts.VIP.Is6() {
		return frame.IPv6
	}
	return frame.ARP
}

// interest keeps the frames that cannot be answers away: for IPv6 all but ICMPv6.
func (p *Probe) interest() []bpf.RawInstruction {
	if p.opts.VIP.Is4() {
		return nil
	}
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: frame.HeaderSize + 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: frame.ICMPv6, SkipFalse: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return nil // more frames than needed are read, and passed over
	}
	return raw
}

// host is an address of the probe's network, of the VIP's family.
func (p *Probe) host(number int) netip.Addr {
	if p.opts.VIP.Is6() {
		return p.segment.host6(number).Addr()
	}
	return p.segment.host4(number).Addr()
}

func (p *Probe) closeSockets() {
	if p.client != nil {
		p.client.Close()
	}
	if p.observer != nil {
		p.observer.Close()
	}
	if p.wire != nil {
		p.wire.Close()
	}
}
