package dnsapi

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const patience = 20 * time.Second // with a machine that does much else

// serve answers from the world until the test ends.
func serve(t *testing.T, w *world, addrs ...string) *Server {
	t.Helper()
	s, err := Listen(addrs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Serve(w.Config, w)
	return s
}

// mustAnswer asks over the network, again where a UDP message was lost.
func mustAnswer(t *testing.T, network, addr string, want string) {
	t.Helper()
	req := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA)
	c := dns.Client{Net: network, Timeout: 300 * time.Millisecond}
	for deadline := time.Now().Add(patience); ; {
		m, _, err := c.Exchange(req, addr)
		if err == nil {
			if got := code(m); got != want {
				t.Errorf("%s %s: %s, want %s", network, addr, got, want)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s: %v", network, addr, err)
		}
	}
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// framed is a question as TCP carries it.
func framed(t *testing.T, id uint16, ask string) []byte {
	t.Helper()
	req, _ := asked(t, ask)
	req.Id = id
	wire, err := req.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)
}

func read(t *testing.T, c net.Conn) *dns.Msg {
	t.Helper()
	m, err := (&dns.Conn{Conn: c}).ReadMsg()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestServer(t *testing.T) {
	s := serve(t, newWorld(t, many(2)...), "127.0.0.1:0", "127.0.0.2:0", "[::1]:0")
	addrs := s.Addrs()
	if len(addrs) != 3 {
		t.Fatalf("bound: %v", addrs)
	}
	for _, a := range addrs {
		mustAnswer(t, "udp", a, "NOERROR aa rd")
		mustAnswer(t, "tcp", a, "NOERROR aa rd")
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close once more: %v", err)
	}
	again, err := Listen(addrs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("the addresses are not free after Close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Errorf("close without serving: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := Listen([]string{"127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	first := free.Addrs()[0]
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for _, busy := range []string{taken.Addr().String(), "192.0.2.1:53"} {
		_, err = Listen([]string{first, busy}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), "cannot listen for DNS on "+busy+" (addresses.dns") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", busy, err)
		}
	}
	again, err := Listen([]string{first}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("the first address is still bound after a failure at the second: %v", err)
	}
	_ = again.Close()
}

func TestPipelined(t *testing.T) {
	s := serve(t, newWorld(t, many(200)...), "127.0.0.1:0")
	c := dial(t, "tcp", s.Addrs()[0])
	const questions = 300
	go func() {
		for i := range questions {
			if _, err := c.Write(framed(t, uint16(i), "web.service.consul. SRV")); err != nil {
				return // the reader sees it
			}
		}
	}()
	for i := range questions {
		if m := read(t, c); m.Id != uint16(i) || len(m.Answer) != 200 || len(m.Extra) != 200 || m.Truncated {
			t.Fatalf("answer %d: id %d, %d answers, %d additional", i, m.Id, len(m.Answer), len(m.Extra))
		}
	}
}

func TestGarbage(t *testing.T) {
	s := serve(t, newWorld(t, many(2)...), "127.0.0.1:0")
	addr := s.Addrs()[0]
	mustAnswer(t, "udp", addr, "NOERROR aa rd")
	before := runtime.NumGoroutine()
	c := dial(t, "udp", addr)
	b := make([]byte, 600)
	for i := range 20_000 {
		for j := range b {
			b[j] = byte(rand.Uint32())
		}
		if i%3 > 0 { // a question's header, so that it gets further
			copy(b[2:], []byte{1, 0, 0, 1, 0, 0, 0, 0, 0, byte(i % 2)})
		}
		_, _ = c.Write(b[:rand.IntN(len(b))]) // what does not fit into the socket is lost
		if i%4000 == 0 {
			mustAnswer(t, "udp", addr, "NOERROR aa rd")
		}
	}
	for range 50 {
		c := dial(t, "tcp", addr)
		_, _ = c.Write(b) // the server may have enough of it
	}
	mustAnswer(t, "udp", addr, "NOERROR aa rd")
	mustAnswer(t, "tcp", addr, "NOERROR aa rd")
	within, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for runtime.NumGoroutine() > before+10 {
		if within.Err() != nil {
			t.Fatalf("%d goroutines before the garbage, %d after", before, runtime.NumGoroutine())
		}
		mustAnswer(t, "udp", addr, "NOERROR aa rd")
	}
}

func TestHalfOpen(t *testing.T) {
	s := serve(t, newWorld(t, many(2)...), "127.0.0.1:0")
	addr := s.Addrs()[0]
	busy := dial(t, "tcp", addr)
	for i := range 300 { // more than are taken at a time
		c := dial(t, "tcp", addr)
		if i%2 == 0 {
			_, _ = c.Write([]byte{1}) // half a length
		}
		if i%20 == 0 { // who asks is not the one who goes
			if _, err := busy.Write(framed(t, 7, "web.service.consul. A")); err != nil {
				t.Fatal(err)
			}
			if m := read(t, busy); len(m.Answer) != 2 {
				t.Fatalf("after %d silent connections: %v", i, m)
			}
		}
	}
	mustAnswer(t, "tcp", addr, "NOERROR aa rd")
}

func TestSilentConnectionEnds(t *testing.T) {
	s := serve(t, newWorld(t), "127.0.0.1:0")
	c := dial(t, "tcp", s.Addrs()[0])
	if _, err := c.Write([]byte{0, 50, 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // Read gives it as it is
		t.Errorf("half a question, then nothing: %v, want the server to hang up", err)
	}
}

func TestNeverReads(t *testing.T) {
	s := serve(t, newWorld(t, many(200)...), "127.0.0.1:0")
	addr := s.Addrs()[0]
	c := dial(t, "tcp", addr)
	ask := framed(t, 1, "web.service.consul. SRV")
	for err := error(nil); err == nil; { // until the server has hung up on who takes nothing
		_, err = c.Write(ask)
		if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // Write gives it as it is
			t.Fatal("the server waits for a client that never reads")
		}
	}
	mustAnswer(t, "tcp", addr, "NOERROR aa rd")
}

func TestCloseWithQuestionsUnderWay(t *testing.T) {
	w := newWorld(t, many(2)...)
	w.AllowStale = false
	asked := make(chan struct{}, 10)
	w.query = func(ctx context.Context) error {
		asked <- struct{}{}
		select {
		case <-ctx.Done():
		case <-time.After(patience):
			t.Error("a question goes on after Close")
		}
		if ctx.Err() == context.DeadlineExceeded {
			t.Error("Close waited until a question had no time left")
		}
		return ctx.Err()
	}
	s := serve(t, w, "127.0.0.1:0")
	addr := s.Addrs()[0]
	udp, tcp := dial(t, "udp", addr), dial(t, "tcp", addr)
	if _, err := udp.Write(framed(t, 1, "web.service.consul. A")[2:]); err != nil {
		t.Fatal(err)
	}
	if _, err := tcp.Write(framed(t, 2, "web.service.consul. A")); err != nil {
		t.Fatal(err)
	}
	dial(t, "tcp", addr) // silent
	for range 3 {
		<-asked // by both, and by the server, which catches up
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	if m := read(t, udp); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("UDP: %v", m)
	}
	if m := read(t, tcp); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("TCP: %v", m)
	}
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Close does not return")
	}
}

// TestFloods has three floods at once, of garbage, of names that nobody has, and of connections that ask nothing or half a question. Answers go on
// all the while, and when it is over nothing is left: neither memory nor connections nor what was noted of a name.
func TestFloods(t *testing.T) {
	w := newWorld(t, many(2)...)
	w.AltDomain = "alt.example."
	s := serve(t, w, "127.0.0.1:0")
	addr := s.Addrs()[0]
	mustAnswer(t, "udp", addr, "NOERROR aa rd")
	goroutines, before := runtime.NumGoroutine(), resident()

	ctx, stop := context.WithCancel(t.Context())
	var floods sync.WaitGroup
	const ahead = 5_000 // so many packets come before the next answer has to: a busy machine would get round to none
	var sent, most atomic.Int64
	most.Store(ahead)
	for n := range 4 {
		c := dial(t, "udp", addr)
		floods.Go(func() { // nobody reads the answers: they are lost in this socket
			tick := time.NewTicker(2 * time.Millisecond) // so that the flood leaves this machine room to answer
			defer tick.Stop()
			for i := 0; ctx.Err() == nil; <-tick.C {
				if sent.Load() >= most.Load() {
					continue
				}
				for range 10 {
					_, _ = c.Write(flood(t, n, i))
					i++
				}
				sent.Add(10)
			}
		})
	}
	floods.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			<-tick.C
			c, err := net.DialTimeout("tcp", addr, patience)
			if err != nil {
				continue // the kernel's queue is full
			}
			defer c.Close()
			_, _ = c.Write(framed(t, 1, "web.service.consul. A")[:i%20])
		}
	})
	for sent.Load() < 60_000 {
		mustAnswer(t, "udp", addr, "NOERROR aa rd")
		mustAnswer(t, "tcp", addr, "NOERROR aa rd")
		most.Store(sent.Load() + ahead)
	}
	stop()
	floods.Wait()
	mustAnswer(t, "udp", addr, "NOERROR aa rd")
	if grown := resident() - before; grown > 5<<20 {
		t.Errorf("%d packets have left %d KiB behind", sent.Load(), grown>>10)
	}
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > goroutines+10 { // the server hangs up on who is silent
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before the floods, %d after", goroutines, runtime.NumGoroutine())
		}
		mustAnswer(t, "udp", addr, "NOERROR aa rd")
	}
}

// resident is what is in use on the heap, once what is not has been collected.
func resident() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

// flood is a packet that is of no use: a name that nobody has and that has never been asked for, or bytes.
func flood(t *testing.T, n, i int) []byte {
	t.Helper()
	if i%8 == 0 {
		b := make([]byte, rand.IntN(600))
		for j := range b {
			b[j] = byte(rand.Uint32())
		}
		return b
	}
	forms := []string{
		"x%d-%d.service.consul. A", "t%d-%d.web.service.consul. SRV", "_x%d-%d._tcp.service.consul. SRV", "x%d-%d.node.consul. A", "x%d-%d.query.consul. A",
		"x%d-%d.group.alt.example. A", "x%d-%d.consul. A edns=1232", "x%d-%d.example.com. A", "x%d-%d.web.service.alt.example. AAAA",
	}
	return framed(t, uint16(i), fmt.Sprintf(forms[i%len(forms)], n, i))[2:]
}
