package check

import (
	"context"
	"crypto/tls"
	"fmt"

	"golang.org/x/net/http2"

	"holdfast/cluster"
)

// h2ping sends a ping to an HTTP/2 server.
type h2ping struct {
	addr string
	tls  func() *tls.Config // nil for plain HTTP/2
}

func newH2Ping(d cluster.CheckDefinition, identity Identity) *h2ping {
	p := &h2ping{addr: d.H2Ping}
	if d.H2PingUseTLS {
		p.tls = identity.speaks(d)
	}
	return p
}

func (p *h2ping) probe(ctx context.Context) Result {
	conn, err := dial(ctx, p.addr, p.tls, http2.NextProtoTLS)
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	defer conn.Close()
	if c, ok := conn.(*tls.Conn); ok && c.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		return Result{cluster.Critical, fmt.Sprintf("HTTP2 ping %s: the server speaks no HTTP/2", p.addr)}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // a server that is silent holds up nothing
	defer stop()
	client, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(conn) //nolint:staticcheck // the standard library has no ping
	if err == nil {
		defer client.Close()
		err = client.Ping(ctx)
	}
	if err != nil {
		return Result{cluster.Critical, fmt.Sprintf("HTTP2 ping %s: %v", p.addr, err)}
	}
	return Result{cluster.Passing, fmt.Sprintf("HTTP2 ping %s: Success", p.addr)}
}
