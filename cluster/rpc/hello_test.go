package rpc

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/cluster"
)

func TestHelloOnTheWire(t *testing.T) {
	for _, x := range []struct {
		hello Hello
		want  string
	}{
		{Hello{Cluster: "id-a", Node: "n1"}, "a5" + "08" + "04" + "69642d61" + "02" + "6e31"},
		{Hello{}, "a5" + "02" + "00" + "00"},
		{Hello{Cluster: strings.Repeat("x", maxHelloField+1), Node: "n1"}, "a5" + "04" + "00" + "02" + "6e31"},
	} {
		if got := hex.EncodeToString(x.hello.encode()); got != x.want {
			t.Errorf("%+v is %s, want %s", x.hello, got, x.want)
		}
	}
}

func TestParseHello(t *testing.T) {
	for _, x := range []struct {
		sent string
		want Hello
		err  error
	}{
		{"\x04id-a\x02n1", Hello{"id-a", "n1"}, nil},
		{"\x00\x00", Hello{}, nil},
		{"\x00\x02n1of a newer version", Hello{Node: "n1"}, nil},
		{"", Hello{}, errHello},
		{"\x00", Hello{}, errHello},
		{"\x05id-a", Hello{}, errHello},
		{"\x04id-a\x03n1", Hello{}, errHello},
		{"\x65" + strings.Repeat("x", 101) + "\x00", Hello{}, errHello},
	} {
		if got, err := parseHello([]byte(x.sent)); got != x.want || !errors.Is(err, x.err) {
			t.Errorf("%q is %+v, %v; want %+v, %v", x.sent, got, err, x.want, x.err)
		}
	}
}

func FuzzParseHello(f *testing.F) {
	f.Add([]byte("\x04id-a\x02n1"))
	f.Add([]byte("\x00\x00"))
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHello(b)
		if err != nil {
			if h != (Hello{}) {
				t.Errorf("%+v beside %v", h, err)
			}
			return
		}
		if again, err := parseHello(h.encode()[2:]); err != nil || again != h {
			t.Errorf("%+v comes back as %+v, %v", h, again, err)
		}
	})
}

// greeting makes both sides of a connection: what a caller says, and what a server refuses.
func greeting(t *testing.T, tls bool, said *Hello) (*Server, *Client, *atomic.Int64) {
	t.Helper()
	refused := new(atomic.Int64)
	opts := Options{Admit: func(h Hello) error {
		if h.Cluster != "" && h.Cluster != "id-a" {
			refused.Add(1)
			return cluster.Errorf(cluster.Conflict, "it belongs to %s, this member to id-a", h.Cluster)
		}
		return nil
	}}
	client := Options{Hello: func(string) (Hello, bool) {
		if said == nil {
			return Hello{}, false
		}
		return *said, true
	}}
	if tls {
		ca := newAuthority(t)
		opts.Secure, client.Secure = required(ca.member(t, "127.0.0.1")), required(ca.member(t, "127.0.0.1"))
	}
	opts.Hello = client.Hello
	return serve(t, opts, echo), newClient(t, client), refused
}

func TestHelloDecides(t *testing.T) {
	for name, x := range map[string]struct {
		said *Hello
		ok   bool
	}{
		"the right cluster":     {&Hello{Cluster: "id-a"}, true},
		"none yet":              {&Hello{Node: "n1"}, true},
		"nothing at all":        {nil, true},
		"another cluster":       {&Hello{Cluster: "id-b"}, false},
		"another, and the node": {&Hello{Cluster: "id-b", Node: "n1"}, false},
	} {
		for _, tls := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s, c, refused := greeting(t, tls, x.said)
				addr := s.Addr().String()
				_, callErr := c.Call(t.Context(), addr, methodEcho, []byte("x"))
				st, streamErr := c.OpenStream(t.Context(), addr, methodEchoStream)
				if st != nil {
					_ = st.Close()
				}
				for what, err := range map[string]error{"call": callErr, "stream": streamErr} {
					if x.ok && err != nil {
						t.Errorf("%s: %v", what, err)
					}
					if !x.ok && (cluster.CodeOf(err) != cluster.Unavailable || !strings.Contains(err.Error(), "it belongs to id-b, this member to id-a")) {
						t.Errorf("%s: %v", what, err)
					}
				}
				if got := refused.Load() == 2; got == x.ok {
					t.Errorf("%d connections were refused", refused.Load())
				}
			})
		}
	}
}

// TestHelloOfRaft has raft's connections say it too: what is refused never reaches raft.
func TestHelloOfRaft(t *testing.T) {
	wrong, right := &Hello{Cluster: "id-b"}, &Hello{Cluster: "id-a"}
	s, _, _ := greeting(t, false, nil)
	for _, said := range []*Hello{wrong, right} {
		from, _, _ := greeting(t, false, said)
		out, err := from.RaftLayer().Dial(s.Addr().String(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = out.Close() }()
		if said == wrong {
			wantClosed(t, out)
			continue
		}
		in, err := s.RaftLayer().Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		if _, err := out.Write([]byte("raft")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4)
		if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, []byte("raft")) {
			t.Errorf("raft reads %q, %v", got, err)
		}
	}
}

// TestHelloWithoutTLSIsToldWhy has a caller that does not know yet that TLS is on.
func TestHelloWithoutTLSIsToldWhy(t *testing.T) {
	s := serve(t, Options{Secure: required(newAuthority(t).member(t, "127.0.0.1"))}, echo)
	c := newClient(t, Options{Hello: func(string) (Hello, bool) { return Hello{Cluster: "id-a"}, true }})
	if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); cluster.CodeOf(err) != cluster.Unavailable || !strings.Contains(err.Error(), "accepts TLS connections only") {
		t.Errorf("error %v", err)
	}
}

// TestSilentRaft has raft connections that say nothing refused by where they come from; calls are not asked.
func TestSilentRaft(t *testing.T) {
	for _, ok := range []bool{true, false} {
		s := serve(t, Options{AdmitRaft: func(from net.Addr) error {
			if ip := from.(*net.TCPAddr).IP; !ip.IsLoopback() {
				t.Errorf("it comes from %s", ip)
			}
			if ok {
				return nil
			}
			return errHello
		}}, echo)
		if _, err := newClient(t, Options{}).Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
			t.Error(err)
		}
		conn := dialRaw(t, s, byte(muxRaft))
		if !ok {
			wantClosed(t, conn)
			continue
		}
		in, err := s.RaftLayer().Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = in.Close()
	}
}

// TestHelloToAMemberThatAsksNothing is a connection to one that has no cluster yet.
func TestHelloToAMemberThatAsksNothing(t *testing.T) {
	s := serve(t, Options{}, echo)
	c := newClient(t, Options{Hello: func(string) (Hello, bool) { return Hello{Cluster: "id-b", Node: "n1"}, true }})
	if got, err := c.Call(context.Background(), s.Addr().String(), methodEcho, []byte("x")); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}
