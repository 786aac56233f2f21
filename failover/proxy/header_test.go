package proxy

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// heard is the header that a backend gets, and the line behind it.
type heard struct {
	header *proxyproto.Header
	line   string
	err    error
}

func hearing(t *testing.T) (Backend, chan heard) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	ch := make(chan heard, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				var h heard
				h.header, h.err = proxyproto.Read(r)
				h.line, _ = r.ReadString('\n')
				ch <- h
			}()
		}
	}()
	return Backend{ID: "a", Addr: l.Addr().String(), Weight: 1}, ch
}

func TestSendsHeader(t *testing.T) {
	b, ch := hearing(t)
	for _, version := range []int{1, 2} {
		p := opened(t, func(o *Options) { o.SendProxy = version })
		p.Set(Table{Routes: plain(b)})
		c := call(t, p.Addrs()[0])
		_, err := io.WriteString(c, "hello\n")
		must(t, err)
		h := <-ch
		if h.err != nil || int(h.header.Version) != version || h.header.SourceAddr.String() != c.LocalAddr().String() || h.header.DestinationAddr.String() != p.Addrs()[0] || h.line != "hello\n" {
			t.Errorf("version %d: %+v %+v", version, h, h.header)
		}
	}
}

// TestAcceptsHeader takes the client's address from another proxy, and passes it on in the other version with what came in the same packet.
func TestAcceptsHeader(t *testing.T) {
	b, ch := hearing(t)
	p := opened(t, func(o *Options) {
		o.AcceptProxy, o.SendProxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 2
	})
	p.Set(Table{Routes: plain(b)})
	c := call(t, p.Addrs()[0])
	_, err := io.WriteString(c, "PROXY TCP4 198.51.100.7 203.0.113.1 4711 3306\r\nhello\n")
	must(t, err)
	if h := <-ch; h.err != nil || h.header.SourceAddr.String() != "198.51.100.7:4711" || h.header.DestinationAddr.String() != "203.0.113.1:3306" || h.line != "hello\n" {
		t.Errorf("%+v %+v", h, h.header)
	}
	bad := call(t, p.Addrs()[0])
	_, err = io.WriteString(bad, "GET / HTTP/1.0\r\n\r\n")
	must(t, err)
	if s, err := bad.line(); err == nil {
		t.Errorf("a client that must send a header and did not heard %q", s)
	}
}

// TestHeaderOfStrangers leaves alone what those send who are not to be believed.
func TestHeaderOfStrangers(t *testing.T) {
	a := answering(t, "a")
	p := opened(t, func(o *Options) { o.AcceptProxy = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	p.Set(Table{Routes: plain(a.backend())})
	c := call(t, p.Addrs()[0])
	c.says(t, "a")
	const line = "PROXY TCP4 198.51.100.7 203.0.113.1 4711 3306\r"
	_, err := io.WriteString(c, line+"\n")
	must(t, err)
	c.says(t, line)
}

func FuzzHeader(f *testing.F) {
	f.Add("PROXY TCP4 198.51.100.7 203.0.113.1 4711 3306\r\nhello")
	f.Add("PROXY UNKNOWN\r\n")
	f.Add("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x02\x00\x01\x00\x02rest")
	f.Add("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
	f.Fuzz(func(t *testing.T, in string) {
		local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
		c := &client{from: local, to: local}
		r := bufio.NewReader(strings.NewReader(in))
		if c.readHeader(r) != nil {
			return
		}
		if _, err := c.header(1); err != nil {
			t.Errorf("what was taken cannot be passed on: %v", err)
		}
		if rest, err := io.ReadAll(r); err != nil || !strings.HasSuffix(in, string(rest)) {
			t.Errorf("the bytes behind the header are others: %q of %q, %v", rest, in, err)
		}
	})
}
