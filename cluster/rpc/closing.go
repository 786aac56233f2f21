package rpc

import (
	"crypto/tls"
	"io"
	"net"
	"time"
)

// lingerTime is how long a side that has said goodbye waits for the other to close, so that its last words are not lost to a reset.
const lingerTime = 250 * time.Millisecond

// longAgo is a deadline that ends what waits.
var longAgo = time.Unix(1, 0)

// abort closes conn without a word. Closing a TLS connection may wait for the peer; this does not.
func abort(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}

// linger ends the sending half of conn, lets the peer read what was sent and close, and closes.
func linger(conn net.Conn) {
	deadline := time.Now().Add(lingerTime)
	_ = conn.SetDeadline(deadline)
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
	abort(conn)
}

// sendOff says goodbye on a connection that nobody else writes to, and closes it.
func sendOff(conn net.Conn, f frame) {
	_ = conn.SetWriteDeadline(time.Now().Add(lingerTime))
	if _, err := conn.Write(f.append(nil)); err != nil {
		abort(conn)
		return
	}
	linger(conn)
}
