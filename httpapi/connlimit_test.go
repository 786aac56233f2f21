package httpapi

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestWritesEnd holds that each write to a client who takes nothing ends, about as soon as it should, whatever was written before and
// whatever net/http says of deadlines between two answers.
func TestWritesEnd(t *testing.T) {
	const limit = 8 * time.Second
	for name, before := range map[string]func(c *boundedConn){
		"the first one":                  func(*boundedConn) {},
		"soon after another":             func(c *boundedConn) { written(t, c) },
		"as that one's deadline is near": func(c *boundedConn) { written(t, c); <-time.After(limit - time.Millisecond) },
		"long after another":             func(c *boundedConn) { written(t, c); <-time.After(3 * limit) },
		"where another deadline was set": func(c *boundedConn) { _ = c.SetDeadline(time.Now().Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := net.Pipe()
				defer func() { _ = server.Close() }()
				c := &boundedConn{Conn: server, writeTime: limit, began: time.Now(), release: func() {}}
				taken := make(chan struct{})
				go func() { // takes one answer, and no more
					defer close(taken)
					_, _ = client.Read(make([]byte, 1))
				}()
				before(c)
				_ = client.SetReadDeadline(time.Now())
				<-taken
				start := time.Now()
				_, err := c.Write([]byte("x"))
				if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took < limit*7/8 || took > limit {
					t.Errorf("got %v after %s, want that the deadline has passed after %s to %s", err, took, limit*7/8, limit)
				}
			})
		})
	}
}

// written writes an answer that is taken, as net/http does.
func written(t *testing.T, c *boundedConn) {
	t.Helper()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	_ = c.SetWriteDeadline(time.Time{})
}
