package stream

import (
	"io"
	"net"
	"testing"
	"time"
)

// echoing serves one connection at a time on a listener until it is closed, and says on accepted when one came.
func echoing(t *testing.T, accepted chan<- net.Conn) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
			accepted <- c
		}
	}()
	return l
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatalf("write %q: %v", text, err)
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		t.Fatalf("read %q, %v: want %q", b, err, text)
	}
}

// TestConnectionThatDiedInItsSleep closes the peer's side of a quiet connection: the next message goes through a new one.
func TestConnectionThatDiedInItsSleep(t *testing.T) {
	accepted := make(chan net.Conn, 4)
	l := echoing(t, accepted)
	dial := func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	first, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	woke := 0
	c := &lively{Conn: first, dial: dial, anew: func() { woke++ }, used: time.Now()}
	defer c.Close()
	say(t, c, "before")
	if err := (<-accepted).Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !dead(first); { // until the kernel has heard of it
		if time.Now().After(end) {
			t.Fatal("the closed connection is not seen as dead")
		}
	}
	c.used = time.Now().Add(-2 * idle)
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	say(t, c, "after")
	if c.conn() == first {
		t.Error("the message went through the dead connection")
	}
	if woke != 1 {
		t.Errorf("that the peer lives anew was told %d times", woke)
	}
}

func TestLiveConnectionIsKept(t *testing.T) {
	accepted := make(chan net.Conn, 4)
	l := echoing(t, accepted)
	first, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &lively{Conn: first, dial: func() (net.Conn, error) { t.Error("dialed without need"); return nil, net.ErrClosed }}
	defer c.Close()
	say(t, c, "one")
	c.used = time.Time{}
	say(t, c, "two")
}

func TestClosedConnectionStaysClosed(t *testing.T) {
	accepted := make(chan net.Conn, 4)
	l := echoing(t, accepted)
	dial := func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	first, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	c := &lively{Conn: first, dial: dial}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("a write after Close was sent")
	}
}
