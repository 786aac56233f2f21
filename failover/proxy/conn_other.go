//go:build !linux

package proxy

import (
	"context"
	"net"
	"net/netip"
	"time"
)

func (c *conn) tcp() *net.TCPConn { return c.socket.(*net.TCPConn) }

func (c *conn) Read(b []byte) (int, error)  { return c.tcp().Read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.tcp().Write(b) }

// CloseWrite tells the peer that nothing more will come.
func (c *conn) CloseWrite() error { return c.tcp().CloseWrite() }

// moveFrom moves what comes from src, until its end, its read deadline or an error. It returns the bytes that were moved.
func (c *conn) moveFrom(src *conn) (int64, error) { return c.tcp().ReadFrom(src.tcp()) }

func dialAddr(ctx context.Context, a netip.AddrPort, limit time.Duration) (*conn, error) {
	return dialName(ctx, a.String(), limit)
}
