package gossip

import (
	"context"
	"fmt"
	stdlog "log"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
)

// transport is memberlist's own, UDP and TCP on one port, but for three things: a dial ends when the pool closes, other clusters are kept
// out, and a test can part the network.
type transport struct {
	*memberlist.NetTransport
	ctx    context.Context
	cut    func(netip.AddrPort) bool
	border *border
	limit  time.Duration // for a stream to say whose it is

	packets chan *memberlist.Packet // that may come in
	streams chan net.Conn           // the same
	over    context.Context         // ends when nothing comes in any more
	end     context.CancelFunc
	loops   sync.WaitGroup
}

// listen binds the gossip port.
func listen(ctx context.Context, cfg Config, border *border, log *stdlog.Logger) (*transport, error) {
	net := &memberlist.NetTransportConfig{
		BindAddrs: []string{cfg.Bind.Addr().Unmap().String()},
		BindPort:  int(cfg.Bind.Port()),
		Logger:    log,
	}
	attempts := 1
	if net.BindPort == 0 {
		attempts = 10 // the port that was free for TCP may be taken for UDP
	}
	for {
		t, err := memberlist.NewNetTransport(net)
		if err == nil {
			return newTransport(ctx, t, cfg, border), nil
		}
		if attempts--; attempts == 0 {
			return nil, bindProblem(cfg.Bind, cfg.PortKey, err)
		}
	}
}

func newTransport(ctx context.Context, under *memberlist.NetTransport, cfg Config, border *border) *transport {
	t := &transport{
		NetTransport: under, ctx: ctx, cut: cfg.Cut, border: border, limit: cfg.StreamTimeout,
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
	}
	t.over, t.end = context.WithCancel(context.Background())
	t.loops.Go(t.receive)
	t.loops.Go(t.accept)
	return t
}

// PacketCh gives the packets that may come in, without their label.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh gives the streams that may come in, without their label.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown closes the port. What memberlist's own transport still hands over meanwhile must be taken from it.
func (t *transport) Shutdown() error {
	err := t.NetTransport.Shutdown()
	t.end()
	t.loops.Wait()
	return err
}

func (t *transport) receive() {
	for {
		select {
		case p := <-t.NetTransport.PacketCh():
			rest, label, err := memberlist.RemoveLabelHeaderFromPacket(p.Buf)
			if err != nil || !t.border.lets(label, p.From) {
				continue
			}
			p.Buf = rest
			select {
			case t.packets <- p:
			case <-t.over.Done():
				return
			}
		case <-t.over.Done():
			return
		}
	}
}

func (t *transport) accept() {
	for {
		select {
		case c := <-t.NetTransport.StreamCh():
			t.loops.Go(func() { t.admit(c) })
		case <-t.over.Done():
			return
		}
	}
}

// admit reads the label off a stream, and hands the stream on or closes it.
func (t *transport) admit(c net.Conn) {
	defer context.AfterFunc(t.over, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	_ = c.SetReadDeadline(time.Now().Add(t.limit))
	ready, label, err := memberlist.RemoveLabelHeaderFromStream(c)
	if err != nil || !t.border.letsStream(label, c.RemoteAddr()) {
		_ = c.Close()
		return
	}
	select {
	case t.streams <- ready:
	case <-t.over.Done():
		_ = c.Close()
	}
}

// PortFree finds out whether both ports of an address, TCP and UDP, are to be had. It keeps neither.
func PortFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // it was only to see
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	return u.Close()
}

// bindProblem makes one sentence of why an address cannot be listened on. memberlist hands on the error's text alone.
func bindProblem(bind netip.AddrPort, portKey string, err error) error {
	is := func(errno syscall.Errno) bool { return strings.Contains(err.Error(), errno.Error()) }
	switch {
	case is(syscall.EADDRINUSE):
		return cluster.Errorf(cluster.Conflict, "gossip cannot listen on %s: the port is in use: stop what listens there, or change %s or bind_addr", bind, portKey)
	case is(syscall.EADDRNOTAVAIL):
		return cluster.Errorf(cluster.Invalid, "gossip cannot listen on %s: no interface of this machine has that address: change bind_addr", bind)
	case is(syscall.EACCES):
		return cluster.Errorf(cluster.Unauthorized, "gossip cannot listen on %s: the port needs root: change %s", bind, portKey)
	}
	return fmt.Errorf("listen on %s for gossip: %w", bind, err)
}

// way is where to reaches, and whether a test has cut it off.
func (t *transport) way(to memberlist.Address) (addr netip.AddrPort, cut bool) {
	addr, err := netip.ParseAddrPort(to.Addr)
	if err != nil {
		return addr, false
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	return addr, t.cut != nil && t.cut(addr)
}

// WriteToAddress sends a packet.
func (t *transport) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	addr, cut := t.way(to)
	if cut {
		return time.Now(), nil
	}
	b, err := memberlist.AddLabelHeaderToPacket(b, t.border.label(addr))
	if err != nil {
		return time.Time{}, err
	}
	return t.NetTransport.WriteToAddress(b, to)
}

// DialAddressTimeout opens a stream.
func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	addr, cut := t.way(to)
	if cut {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	}
	dialer := net.Dialer{Timeout: timeout}
	c, err := dialer.DialContext(t.ctx, "tcp", to.Addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetWriteDeadline(time.Now().Add(timeout))
	if err := memberlist.AddLabelHeaderToStream(c, t.border.label(addr)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
