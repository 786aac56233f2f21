package rpc

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"holdfast/cluster"
)

// Secure is how a member protects its connections at one moment. The zero value is plain TCP for all of them.
type Secure struct {
	// In is for incoming connections that begin with TLS. Nil means that this member does not speak it.
	In *tls.Config
	// Required refuses incoming connections that are plain.
	Required bool
	// Raft refuses an incoming TLS connection for raft by what the peer has shown. Nil takes all.
	Raft func(tls.ConnectionState) error
	// Out is for a connection to the member at addr. A nil configuration means a plain one, and an error that there may be none. Nil means that all are
	// plain.
	Out func(addr string) (*tls.Config, error)
}

// out is the configuration for a connection to addr, nil for a plain one.
func (s Secure) out(addr string) (*tls.Config, error) {
	if s.Out == nil {
		return nil, nil //nolint:nilnil // plain
	}
	return s.Out(addr)
}

// secured makes conn, which has announced TLS, a TLS connection, and says what it carries.
func (s *Server) secured(ctx context.Context, conn net.Conn, rules Secure) (net.Conn, mux, error) {
	secure := tls.Server(conn, rules.In)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, 0, fmt.Errorf("tls handshake: %w", err)
	}
	m, err := readMux(secure)
	if err != nil {
		return nil, 0, err
	}
	ready, m, err := s.greeted(secure, m)
	if err == nil && m == muxRaft && rules.Raft != nil {
		err = rules.Raft(secure.ConnectionState())
	}
	return ready, m, err
}

// plainLife is the context of a plain connection that is being accepted: it ends with the server, and with EndPlain.
func (s *Server) plainLife() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plain == nil {
		s.plain, s.endPlain = context.WithCancelCause(s.ctx)
	}
	return s.plain
}

// EndPlain ends the plain connections that there are, so that their peers come again, under the rules of now. What they wait for is answered with
// cluster.Unavailable, if it was not begun with, as by a server that closes.
func (s *Server) EndPlain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plain != nil {
		s.endPlain(cluster.Errorf(cluster.Unavailable, "%s accepts TLS connections only from now on", s.Addr()))
		s.plain = nil
	}
}
