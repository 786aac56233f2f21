package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"holdfast/cluster"
)

// mux is the first byte of a connection. The high bit keeps it apart from text protocols, TLS without announcement, and Consul's port.
type mux byte

const (
	muxRaft   mux = 0xA1
	muxCalls  mux = 0xA2
	muxStream mux = 0xA3
	muxTLS    mux = 0xA4 // a TLS handshake follows, and in it one of the others
	muxHello  mux = 0xA5 // a Hello follows, and after it one of the others but TLS
	muxWeb    mux = 0xA6 // requests of the API
)

var errNoHello = errors.New("closed before it said what it is")

// identify reads what an incoming connection is, and makes it TLS if it announces that, within HelloTimeout.
func (s *Server) identify(ctx context.Context, conn net.Conn) (net.Conn, mux, error) {
	_ = conn.SetDeadline(time.Now().Add(s.opts.HelloTimeout))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
	ready, m, err := s.negotiate(ctx, conn)
	_ = conn.SetDeadline(time.Time{})
	if !stop() {
		err = context.Cause(ctx)
	}
	return ready, m, err
}

func (s *Server) negotiate(ctx context.Context, conn net.Conn) (net.Conn, mux, error) {
	m, err := readMux(conn)
	if err != nil {
		return nil, 0, err
	}
	switch rules := s.opts.Secure(); {
	case m == muxTLS && rules.In == nil:
		return nil, 0, errors.New("it speaks TLS, which this member is not set up for")
	case m == muxTLS:
		return s.secured(ctx, conn, rules)
	case rules.Required:
		return nil, 0, s.refusePlain(conn, m)
	default:
		return s.greeted(conn, m)
	}
}

// greeted reads the hello of a connection that begins with one, and what the connection is.
func (s *Server) greeted(conn net.Conn, m mux) (net.Conn, mux, error) {
	if m != muxHello {
		if m == muxRaft && s.opts.AdmitRaft != nil {
			if err := s.opts.AdmitRaft(conn.RemoteAddr()); err != nil {
				return nil, 0, misdirected{err}
			}
		}
		return conn, m, known(m)
	}
	h, err := readHello(conn)
	if err != nil {
		return nil, 0, err
	}
	if m, err = readMux(conn); err != nil {
		return nil, 0, err
	}
	if err := known(m); err != nil {
		return nil, 0, err
	}
	if s.opts.Admit != nil {
		if err := s.opts.Admit(h); err != nil {
			return nil, 0, s.refuse(conn, m, err)
		}
	}
	return conn, m, nil
}

// refuse tells the peer of a connection why it is refused, where the peer can read it, and gives the reason back.
func (s *Server) refuse(conn net.Conn, m mux, why error) error {
	if m == muxCalls || m == muxStream {
		sendOff(conn, goodbye(cluster.Errorf(cluster.Unavailable, "%s refuses the connection: %v", conn.LocalAddr(), why)))
	}
	return misdirected{why}
}

// refusePlain tells a plain connection why, where the peer can read it.
func (s *Server) refusePlain(conn net.Conn, m mux) error {
	if m == muxHello {
		if _, err := readHello(conn); err != nil {
			return err
		}
		m, _ = readMux(conn) // what cannot be read is told nothing
	}
	if m == muxCalls || m == muxStream {
		sendOff(conn, goodbye(cluster.Errorf(cluster.Unavailable, "%s accepts TLS connections only; give this member a certificate too", conn.LocalAddr())))
	}
	return errors.New("it does not speak TLS, which is required here (verify_incoming): give that member a certificate too")
}

func readMux(conn net.Conn) (mux, error) {
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, errNoHello
		}
		return 0, fmt.Errorf("reading the first byte: %w", err)
	}
	return mux(b[0]), nil
}

func known(m mux) error {
	switch m {
	case muxRaft, muxCalls, muxStream, muxWeb:
		return nil
	default:
		return fmt.Errorf("first byte %#x belongs to no protocol of this port", byte(m))
	}
}

// connect dials addr and says that the connection is an m, inside TLS where that is on. It takes no longer than ctx allows.
func (o *Options) connect(ctx context.Context, addr string, m mux) (net.Conn, error) {
	secure, err := o.Secure().out(addr)
	if err != nil {
		return nil, err
	}
	conn, err := o.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
	ready, err := o.announce(ctx, conn, secure, addr, m)
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		abort(conn)
		return nil, err
	}
	return ready, nil
}

func (o *Options) announce(ctx context.Context, conn net.Conn, secure *tls.Config, addr string, m mux) (net.Conn, error) {
	if secure == nil {
		_, err := conn.Write(o.first(addr, m))
		return conn, err
	}
	if _, err := conn.Write([]byte{byte(muxTLS)}); err != nil {
		return nil, err
	}
	hidden := tls.Client(conn, secure)
	if err := hidden.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("tls handshake with %s: %w", addr, err)
	}
	_, err := hidden.Write(o.first(addr, m))
	return hidden, err
}

// first is what a connection to addr begins with: a hello, if there is one to say, and what the connection is.
func (o *Options) first(addr string, m mux) []byte {
	if o.Hello != nil {
		if h, ok := o.Hello(addr); ok {
			return append(h.encode(), byte(m))
		}
	}
	return []byte{byte(m)}
}
