package proxy

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// limit is how long a test waits for what must happen.
const limit = 20 * time.Second

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answerer is a backend that says its name, and then what it hears, line by line.
type answerer struct {
	name string
	l    net.Listener
}

func answering(t *testing.T, name string) *answerer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	a := &answerer{name, l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, name+"\n")
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return a
}

func (a *answerer) backend() Backend {
	return Backend{ID: a.name, Addr: a.l.Addr().String(), Weight: 1}
}

func plain(backends ...Backend) map[string][]Backend { return map[string][]Backend{"": backends} }

// opened is a proxy on a free port.
func opened(t *testing.T, change func(*Options)) *Proxy {
	t.Helper()
	o := DefaultOptions("127.0.0.1:0")
	if change != nil {
		change(&o)
	}
	must(t, o.Validate())
	p := New("db", o, slog.New(slog.DiscardHandler))
	must(t, p.Open())
	t.Cleanup(p.Close)
	return p
}

// caller is a client of a proxy.
type caller struct {
	*net.TCPConn
	r *bufio.Reader
}

func call(t *testing.T, addr string) *caller {
	t.Helper()
	d := net.Dialer{Timeout: limit}
	c, err := d.DialContext(context.Background(), "tcp", addr)
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(limit)))
	return &caller{c.(*net.TCPConn), bufio.NewReader(c)}
}

func (c *caller) line() (string, error) {
	s, err := c.r.ReadString('\n')
	return strings.TrimSuffix(s, "\n"), err
}

// says wants the next line to be this.
func (c *caller) says(t *testing.T, want string) {
	t.Helper()
	if got, err := c.line(); err != nil || got != want {
		t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}
