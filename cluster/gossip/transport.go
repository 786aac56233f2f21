package gossip

import (
	"context"
	"fmt"
	stdlog "log"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
)

// transport is memberlist's own, UDP and TCP on one port, but for two things: a dial ends when the pool closes, and a test can part the network.
type transport struct {
	*memberlist.NetTransport
	ctx context.Context
	cut func(netip.AddrPort) bool
}

// listen binds the gossip port.
func listen(ctx context.Context, cfg Config, log *stdlog.Logger) (*transport, error) {
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
			return &transport{NetTransport: t, ctx: ctx, cut: cfg.Cut}, nil
		}
		if attempts--; attempts == 0 {
			return nil, bindProblem(cfg.Bind, err)
		}
	}
}

// bindProblem makes one sentence of why an address cannot be listened on. memberlist hands on the error's text alone.
func bindProblem(bind netip.AddrPort, err error) error {
	is := func(errno syscall.Errno) bool { return strings.Contains(err.Error(), errno.Error()) }
	switch {
	case is(syscall.EADDRINUSE):
		return cluster.Errorf(cluster.Conflict, "gossip cannot listen on %s: the port is in use: stop what listens there, or change ports.serf_lan or bind_addr", bind)
	case is(syscall.EADDRNOTAVAIL):
		return cluster.Errorf(cluster.Invalid, "gossip cannot listen on %s: no interface of this machine has that address: change bind_addr", bind)
	case is(syscall.EACCES):
		return cluster.Errorf(cluster.Unauthorized, "gossip cannot listen on %s: the port needs root: change ports.serf_lan", bind)
	}
	return fmt.Errorf("listen on %s for gossip: %w", bind, err)
}

func (t *transport) isCut(addr string) bool {
	if t.cut == nil {
		return false
	}
	to, err := netip.ParseAddrPort(addr)
	return err == nil && t.cut(to)
}

// WriteToAddress sends a packet.
func (t *transport) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	if t.isCut(to.Addr) {
		return time.Now(), nil
	}
	return t.NetTransport.WriteToAddress(b, to)
}

// DialAddressTimeout opens a stream.
func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if t.isCut(to.Addr) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	}
	dialer := net.Dialer{Timeout: timeout}
	return dialer.DialContext(t.ctx, "tcp", to.Addr)
}
