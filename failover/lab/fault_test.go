//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// hearing is everyone listening to everyone: broadcasts, which need no answer and so show each direction by itself.
type hearing struct {
	lab   *Lab
	conns map[string]net.PacketConn
	round int
}

const hearingPort = 4000

func listenAll(t *testing.T, l *Lab) *hearing {
	t.Helper()
	h := &hearing{lab: l, conns: make(map[string]net.PacketConn)}
	for _, m := range append(l.Machines(), l.Client()) {
		c, err := m.ListenPacket(testContext(t), "udp4", fmt.Sprintf(":%d", hearingPort))
		must(t, err)
		t.Cleanup(func() { c.Close() })
		h.conns[m.Name()] = c
	}
	return h
}

// heard makes each machine say something once, and returns who heard whom, as "n1>n2".
func (h *hearing) heard(t *testing.T) (pairs []string) {
	t.Helper()
	h.round++
	all := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(fmt.Sprintf("10.77.0.255:%d", hearingPort)))
	for name, c := range h.conns {
		_, _ = c.WriteTo(fmt.Appendf(nil, "%d %s", h.round, name), all) // refused where the cable is out: then nobody hears it
	}
	b := make([]byte, 100)
	for name, c := range h.conns {
		// A frame takes microseconds, and longer only where the processors are busy.
		must(t, c.SetReadDeadline(time.Now().Add(30*time.Millisecond)))
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				break
			}
			if speaker, ok := strings.CutPrefix(string(b[:n]), fmt.Sprintf("%d ", h.round)); ok && speaker != name {
				pairs = append(pairs, speaker+">"+name)
			}
		}
	}
	slices.Sort(pairs)
	return pairs
}

// expect makes the machines speak until all these pairs, and never another, have heard each other.
func (h *hearing) expect(t *testing.T, when string, want []string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s, %v hear each other", when, want), func() bool {
		got := h.heard(t)
		for _, pair := range got {
			if !slices.Contains(want, pair) {
				t.Fatalf("%s, heard %s\nwant only %v", when, pair, want)
			}
		}
		return slices.Equal(got, want)
	})
}

// allBut are all pairs of the machines but these.
func allBut(machines []string, not ...string) (pairs []string) {
	for _, a := range machines {
		for _, b := range machines {
			if pair := a + ">" + b; a != b && !slices.Contains(not, pair) {
				pairs = append(pairs, pair)
			}
		}
	}
	slices.Sort(pairs)
	return pairs
}

func TestFaults(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1", "n2", "n3"}})
	h := listenAll(t, l)
	all := []string{"n1", "n2", "n3", "client"}
	n1 := l.Machine("n1")
	n1Alone := []string{"n1>n2", "n2>n1", "n1>n3", "n3>n1", "n1>client", "client>n1"}
	tests := []struct {
		name    string
		fault   func() error
		undo    func() error // nil is Heal
		deaf    []string
		carrier bool // of n1
	}{
		{"none", func() error { return nil }, nil, nil, true},
		{"unplug", func() error { return n1.Unplug() }, func() error { return n1.Plug() }, n1Alone, false},
		{"silence", func() error { return n1.Silence() }, func() error { return n1.Unsilence() }, n1Alone, true},
		{"cut", func() error { return l.Cut("n1", "n2") }, nil, []string{"n1>n2", "n2>n1"}, true},
		{"cut one way", func() error { return l.CutOneWay("n1", "n2") }, nil, []string{"n1>n2"}, true},
		{"cut the other way", func() error { return l.CutOneWay("n2", "n1") }, nil, []string{"n2>n1"}, true},
		{"isolate, seen by the client", func() error { return l.Isolate("n1", "client") }, nil, n1Alone[:4], true},
		{"isolate", func() error { return l.Isolate("n1") }, nil, n1Alone, true},
		{"partition", func() error { return l.Partition([]string{"n1"}, []string{"n2", "n3"}) }, nil, n1Alone[:4], true},
		{"several", func() error {
			return errors.Join(l.CutOneWay("n1", "n3"), l.CutOneWay("client", "n3"), l.Cut("n1", "n2"))
		}, nil, []string{"n1>n3", "client>n3", "n1>n2", "n2>n1"}, true},
		{"all at once, healed", func() error { return errors.Join(l.Isolate("n1"), n1.Silence(), n1.Unplug()) }, nil, n1Alone, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			must(t, tt.fault())
			h.expect(t, "in the fault", allBut(all, tt.deaf...))
			eventually(t, fmt.Sprintf("carrier %v", tt.carrier), func() bool { return carrier(t, n1, "eth0") == tt.carrier })
			undo := tt.undo
			if undo == nil {
				undo = l.Heal
			}
			must(t, undo())
			eventually(t, "the carrier is back", func() bool { return carrier(t, n1, "eth0") })
			h.expect(t, "after the fault", allBut(all))
		})
	}
}

func TestFaultsOfNobody(t *testing.T) {
	l, err := New(Options{Machines: []string{"n1"}})
	must(t, err)
	for _, err := range []error{l.Cut("n1", "n9"), l.CutOneWay("n9", "n1"), l.Isolate("n9"), l.Partition([]string{"n9"}, []string{"n1"})} {
		if err == nil || !strings.Contains(err.Error(), `no machine "n9"`) {
			t.Errorf("got %v", err)
		}
	}
	if err := l.Machine("n1").Slow(100); err == nil || !strings.Contains(err.Error(), "at least 8000") {
		t.Errorf("got %v", err)
	}
}

// TestSlow sends 50 kB over a cable of 1 Mbit/s, which takes 400 ms, and over one without a limit.
func TestSlow(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	ctx := testContext(t)
	m := l.Machine("n1")
	took := func() time.Duration {
		ln, err := m.Listen(ctx, "tcp", netip.AddrPortFrom(m.Addr(), 0).String())
		must(t, err)
		defer ln.Close()
		c, err := l.Client().Dial(ctx, "tcp", ln.Addr().String())
		must(t, err)
		defer c.Close()
		s, err := ln.Accept()
		must(t, err)
		defer s.Close()
		const size = 50_000
		began := time.Now()
		go func() { _, _ = c.Write(make([]byte, size)) }()
		b := make([]byte, size)
		for n := 0; n < size; {
			k, err := s.Read(b)
			must(t, err)
			n += k
		}
		return time.Since(began)
	}
	must(t, m.Slow(1_000_000))
	if d := took(); d < 300*time.Millisecond {
		t.Errorf("a slow cable took %s, want about 400 ms", d)
	}
	fast := func() bool { return took() <= 200*time.Millisecond } // a busy computer needs longer once and again, and a slow cable never lets it be faster
	must(t, m.Slow(0))
	eventually(t, "a cable without a limit is fast", fast)
	must(t, m.Slow(1_000_000))
	must(t, l.Heal())
	eventually(t, "a healed cable is fast", fast)
}
