package check

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"holdfast/cluster"
)

// tcp connects to an address, and shakes hands where it is to speak TLS.
type tcp struct {
	addr string
	tls  func() *tls.Config // nil for plain TCP
}

func newTCP(d cluster.CheckDefinition, identity Identity) *tcp {
	t := &tcp{addr: d.TCP}
	if d.TCPUseTLS {
		t.tls = identity.speaks(d)
	}
	return t
}

func (t *tcp) probe(ctx context.Context) Result {
	conn, err := dial(ctx, t.addr, t.tls)
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	_ = conn.Close() // it was open: that is the answer
	return Result{cluster.Passing, fmt.Sprintf("TCP connect %s: Success", t.addr)}
}

// dial connects, over TLS where there is a config for it, in one of the protocols.
func dial(ctx context.Context, addr string, cfg func() *tls.Config, protocols ...string) (net.Conn, error) {
	if cfg == nil {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	c := cfg()
	c.NextProtos = protocols
	return (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", addr)
}
