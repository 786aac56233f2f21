package rpc

import (
	"context"
	"crypto/tls"
	"net"
)

// Peer is the other side of a connection as a handler sees it: the ground on which to decide what it may do.
type Peer struct {
	Addr net.Addr             // where it connected from; the port means nothing
	TLS  *tls.ConnectionState // its certificates; nil on a plain connection
}

type peerKey struct{}

// PeerOf is who called, from a handler's context.
func PeerOf(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(Peer)
	return p, ok
}

// withPeer adds conn's other side to ctx.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	p := Peer{Addr: conn.RemoteAddr()}
	if t, ok := conn.(*tls.Conn); ok {
		state := t.ConnectionState()
		p.TLS = &state
	}
	return context.WithValue(ctx, peerKey{}, p)
}
