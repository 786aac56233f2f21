// Package unread puts back what was read of a connection: whoever has to see how it begins before it is clear whose it is reads that much, and hands on a
// [Conn] that still has every byte. It is what UnreadByte is to a bufio.Reader, without a buffer that would have to stay.
//
// Like the standard library it knows nothing of ours, and whoever sorts connections may use it.
package unread

import (
	"errors"
	"net"
)

// Conn is a connection of which something has been read, and which gives that once more. One goroutine at a time may read.
type Conn struct {
	net.Conn
	read []byte // not given yet; nil when all is, so that the memory is free
}

// New is c with what was read of it before its next byte. The bytes are the Conn's from now on.
func New(c net.Conn, read []byte) *Conn { return &Conn{Conn: c, read: read} }

// Read gives what has been read first, and does not wait for more while there is any of it.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.read) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.read)
	if c.read = c.read[n:]; len(c.read) == 0 {
		c.read = nil
	}
	return n, nil
}

// CloseWrite ends our direction, as that of a net.TCPConn does. It fails with errors.ErrUnsupported where the connection below knows no such thing.
func (c *Conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}
