package proxy

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestPasses(t *testing.T) {
	p := opened(t, nil)
	p.Set(Table{Routes: plain(answering(t, "a").backend())})
	c := call(t, p.Addrs()[0])
	c.says(t, "a")
	_, err := io.WriteString(c, "hello\n")
	must(t, err)
	c.says(t, "hello")
	must(t, c.CloseWrite()) // the backend hears the end, and ends itself
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		t.Errorf("after the half-close: %q, %v", rest, err)
	}
	eventually(t, "the connection is over and counted", func() bool {
		b := p.Status().Backends[0]
		return b.Active == 0 && b.Opened == 1 && b.Sent == 6 && b.Received == 8
	})
}

// TestHalfClose lets the answer come long after the client has said all.
func TestHalfClose(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b, _ := io.ReadAll(c)
		_, _ = c.Write(bytes.ToUpper(b))
	}()
	p := opened(t, nil)
	p.Set(Table{Routes: plain(Backend{ID: "a", Addr: l.Addr().String(), Weight: 1})})
	c := call(t, p.Addrs()[0])
	_, err = io.WriteString(c, "all of it")
	must(t, err)
	must(t, c.CloseWrite())
	if got, err := io.ReadAll(c); string(got) != "ALL OF IT" || err != nil {
		t.Errorf("heard %q, %v", got, err)
	}
}

// TestDeadBackend holds that no new connection fails while one backend is dead, refusing or silent.
func TestDeadBackend(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, dead.Close())
	alive := answering(t, "alive")
	for _, b := range []Balance{Least, RoundRobin, Source} {
		p := opened(t, func(o *Options) { o.Balance, o.Hold = b, 0 })
		p.Set(Table{Routes: plain(Backend{ID: "dead", Addr: dead.Addr().String(), Weight: 1}, alive.backend())})
		for range 20 {
			c := call(t, p.Addrs()[0])
			c.says(t, "alive")
			must(t, c.Close())
		}
		if s := p.Status(); s.Turned > 0 || s.Backends[1].ID != "dead" || b != Source && (s.Backends[1].Failed != 1 || s.Backends[1].State != "doubted" || s.Backends[1].LastError == "") {
			t.Errorf("%s: %+v", b, s)
		}
	}
}

// TestDiesUnderLoad closes a backend while clients come. What its kernel has taken for it dies with it; each client that comes afterwards is
// answered by the other.
func TestDiesUnderLoad(t *testing.T) {
	a, b := answering(t, "a"), answering(t, "b")
	p := opened(t, nil)
	p.Set(Table{Routes: plain(a.backend(), b.backend())})
	var wg sync.WaitGroup
	var heard atomic.Int64
	var dead atomic.Bool
	for range 8 {
		wg.Go(func() {
			for range 50 {
				after := dead.Load()
				d, err := net.Dial("tcp", p.Addrs()[0])
				if err != nil {
					t.Error(err)
					return
				}
				_ = d.SetDeadline(time.Now().Add(limit))
				buf := make([]byte, 2)
				if _, err := io.ReadFull(d, buf); err != nil && after {
					t.Errorf("a client got nothing: %v", err)
				}
				_ = d.Close()
				if heard.Add(1) == 100 {
					_ = a.l.Close()
					dead.Store(true)
				}
			}
		})
	}
	wg.Wait()
}

func TestHold(t *testing.T) {
	p := opened(t, func(o *Options) { o.Hold = limit })
	c := call(t, p.Addrs()[0])
	eventually(t, "the client is held", func() bool { return p.Status().Held == 1 })
	p.Set(Table{Routes: plain(answering(t, "late").backend())})
	c.says(t, "late")
	if h := p.Status().Held; h != 0 {
		t.Errorf("%d clients are held", h)
	}
}

// TestHoldEnds lets one client lose its patience, and turns the other away when the time is up.
func TestHoldEnds(t *testing.T) {
	p := opened(t, func(o *Options) { o.Hold = limit })
	gone := call(t, p.Addrs()[0])
	eventually(t, "the client is held", func() bool { return p.Status().Held == 1 })
	must(t, gone.Close())
	eventually(t, "the proxy has noticed that it is gone", func() bool { return p.Status().Held == 0 })
	o := DefaultOptions()
	o.Hold = 10 * time.Millisecond
	p.Configure(o)
	c := call(t, p.Addrs()[0])
	if _, err := c.line(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client was not turned away: %v", err)
	}
	eventually(t, "both are counted", func() bool { return p.Status().Turned == 2 })
}

func TestCut(t *testing.T) {
	a := answering(t, "a")
	p := opened(t, nil)
	old := a.backend()
	old.Epoch = 5
	p.Set(Table{Cut: true, Routes: plain(old)})
	c := call(t, p.Addrs()[0])
	c.says(t, "a")
	renewed := old
	renewed.Epoch = 6
	p.Set(Table{Cut: true, Routes: plain(renewed)}) // the same address in another epoch
	if _, err := c.line(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection of the older epoch ended with %v, want a reset", err)
	}
	call(t, p.Addrs()[0]).says(t, "a")
	eventually(t, "the old epoch is gone", func() bool { return len(p.Status().Backends) == 1 })
}

// TestCutBeforeOffered switches between two writers while clients come and write, and wants never to see two at once.
func TestCutBeforeOffered(t *testing.T) {
	var open [2]atomic.Int64 // connections that have been heard and not ended
	var both atomic.Int64
	backend := func(i int) Backend {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					b := make([]byte, 1)
					for {
						if _, err := io.ReadFull(c, b); err != nil {
							return
						}
						open[i].Store(int64(b[0]))
						_, _ = c.Write(b)
					}
				}()
			}
		}()
		return Backend{ID: string(rune('a' + i)), Addr: l.Addr().String(), Weight: 1}
	}
	writers := []Backend{backend(0), backend(1)}
	p := opened(t, nil)
	addr := p.Addrs()[0]
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", addr)
				if err != nil {
					continue // it was reset as the proxy was closed: the loop's beginning tells
				}
				_ = c.SetDeadline(time.Now().Add(limit))
				for b := []byte{1}; ; {
					if _, err = c.Write(b); err == nil {
						_, err = io.ReadFull(c, b)
					}
					if err != nil {
						break
					}
				}
				_ = c.Close()
			}
		})
	}
	for epoch := range uint64(40) {
		w := writers[epoch%2]
		w.Epoch = epoch
		p.Set(Table{Cut: true, Routes: plain(w)})
		for _, b := range p.Status().Backends {
			if b.Epoch != epoch && b.State != "draining" {
				both.Add(1)
			}
		}
		open[epoch%2].Store(0)
		eventually(t, "a client writes in the new epoch", func() bool { return open[epoch%2].Load() == 1 })
	}
	close(stop)
	p.Close()
	wg.Wait()
	if both.Load() > 0 {
		t.Errorf("an older epoch was offered %d times", both.Load())
	}
}

func TestDrain(t *testing.T) {
	a, b := answering(t, "a"), answering(t, "b")
	p := opened(t, func(o *Options) { o.Drain = 0 })
	p.Set(Table{Routes: plain(a.backend())})
	c := call(t, p.Addrs()[0])
	c.says(t, "a")
	p.Set(Table{Routes: plain(b.backend())})
	call(t, p.Addrs()[0]).says(t, "b")
	_, err := io.WriteString(c, "still\n")
	must(t, err)
	c.says(t, "still")
	if s := p.Status().Backends[0]; s.ID != "a" || s.State != "draining" || s.Active != 1 {
		t.Errorf("%+v", s)
	}
	o := DefaultOptions()
	o.Drain = time.Millisecond
	p.Configure(o)
	if _, err := c.line(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("drained with %v", err)
	}
	eventually(t, "it is forgotten", func() bool { return len(p.Status().Backends) == 1 })
}

func TestIdle(t *testing.T) {
	p := opened(t, func(o *Options) { o.Idle = 3 * time.Second })
	p.Set(Table{Routes: plain(answering(t, "a").backend())})
	idle, busy := call(t, p.Addrs()[0]), call(t, p.Addrs()[0])
	idle.says(t, "a")
	busy.says(t, "a")
	ended := make(chan error, 1)
	go func() {
		_, err := idle.line()
		ended <- err
	}()
	for deadline := time.After(limit); ; {
		_, err := io.WriteString(busy, "on\n")
		must(t, err)
		busy.says(t, "on")
		select {
		case err := <-ended:
			if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the idle connection ended with %v", err)
			}
			return
		case <-deadline:
			t.Fatal("the idle connection lasts")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestCloseCutsTheDraining holds that a connection to a backend that has left does not hold the end up, also where nobody watches over it any more
// when the proxy comes to cut.
func TestCloseCutsTheDraining(t *testing.T) {
	p := opened(t, func(o *Options) { o.Drain = 0 })
	p.Set(Table{Routes: plain(answering(t, "a").backend())})
	c := call(t, p.Addrs()[0])
	c.says(t, "a")
	p.Set(Table{})
	p.cancel()
	eventually(t, "nobody watches over it", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.leaving) == 0
	})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.Close()
	}()
	select {
	case <-closed:
	case <-time.After(limit):
		t.Fatal("a connection holds the end up")
	}
}

func TestMaxConnections(t *testing.T) {
	p := opened(t, func(o *Options) { o.MaxConnections = 2 })
	p.Set(Table{Routes: plain(answering(t, "a").backend())})
	first, second, third := call(t, p.Addrs()[0]), call(t, p.Addrs()[0]), call(t, p.Addrs()[0])
	first.says(t, "a")
	second.says(t, "a")
	must(t, third.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	if s, err := third.line(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the third is in: %q, %v", s, err)
	}
	must(t, third.SetReadDeadline(time.Now().Add(limit)))
	must(t, first.Close())
	third.says(t, "a")
}

// TestFreebind listens on an address that this machine does not have.
func TestFreebind(t *testing.T) {
	p := New("vip", DefaultOptions("192.0.2.77:0", "[2001:db8::77]:0"), slog.New(slog.DiscardHandler))
	must(t, p.Open())
	defer p.Close()
	if addrs := p.Addrs(); len(addrs) == 0 && os.Getenv("GOOS") == "linux" {
		t.Error("it does not listen")
	}
}

func TestFleet(t *testing.T) {
	a := answering(t, "a")
	f := NewFleet(slog.New(slog.DiscardHandler))
	defer f.Close()
	o := DefaultOptions("127.0.0.1:0")
	must(t, f.Configure(map[string]Options{"db": o, "web": DefaultOptions("127.0.0.2:0")}))
	f.Set("db", Table{Routes: plain(a.backend())})
	f.Set("nobody", Table{})
	db := f.proxies["db"]
	addr := db.Addrs()[0]
	c := call(t, addr)
	c.says(t, "a")

	o.MaxConnections, o.Balance = 7, Source
	must(t, f.Configure(map[string]Options{"db": o}))
	if f.proxies["db"] != db || db.Status().Balance != Source {
		t.Error("a reload that keeps the address has replaced the proxy, or not changed it")
	}
	_, err := io.WriteString(c, "still\n")
	must(t, err)
	c.says(t, "still")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	err = f.Configure(map[string]Options{"db": DefaultOptions(taken.Addr().String()), "other": DefaultOptions("127.0.0.1:0")})
	if err == nil || !strings.HasPrefix(err.Error(), `proxy "db": cannot listen on `+taken.Addr().String()) || len(f.proxies) != 1 || f.proxies["db"] != db {
		t.Errorf("a port in use: %v, %v", err, f.proxies)
	}

	// Elsewhere: the table goes along, and what is open stays where it is and follows.
	must(t, f.Configure(map[string]Options{"db": DefaultOptions("127.0.0.3:0")}))
	call(t, f.proxies["db"].Addrs()[0]).says(t, "a")
	if d, err := net.Dial("tcp", addr); err == nil {
		_ = d.Close()
		t.Error("the old address is listened on")
	}
	_, err = io.WriteString(c, "moved\n")
	must(t, err)
	c.says(t, "moved")
	f.Set("db", Table{Cut: true})
	if _, err := c.line(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection of the old listener outlived a cut: %v", err)
	}
}

func TestDistinct(t *testing.T) {
	f := NewFleet(slog.New(slog.DiscardHandler))
	err := f.Configure(map[string]Options{"a": DefaultOptions(":80"), "b": DefaultOptions("*:80")})
	if want := `proxies "a" and "b" both listen on *:80: an address and port belong to one proxy`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"listen is missing":                   func(o *Options) { o.Listen = nil },
		`listen "10.0.0.5" is not an address`: func(o *Options) { o.Listen = []string{"10.0.0.5"} },
		`"db.example" is not an IP address`:   func(o *Options) { o.Listen = []string{"db.example:1"} },
		"has no usable port":                  func(o *Options) { o.Listen = []string{":99999"} },
		"twice":                               func(o *Options) { o.Listen = []string{":1", ":1"} },
		`mode "udp"`:                          func(o *Options) { o.Mode = "udp" },
		`balance "best"`:                      func(o *Options) { o.Balance = "best" },
		"cannot be negative":                  func(o *Options) { o.Hold = -1 },
		"idle_timeout 1ms":                    func(o *Options) { o.Idle = time.Millisecond },
		"max_connections":                     func(o *Options) { o.MaxConnections = -1 },
		"send_proxy 3":                        func(o *Options) { o.SendProxy = 3 },
	} {
		o := DefaultOptions(":1")
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestSplice looks for the pipes that bytes travel through when the kernel moves them.
func TestSplice(t *testing.T) {
	pipes := func() (n int) {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("there is no /proc/self/fd: whether the kernel moves the bytes cannot be seen here")
		}
		for _, f := range fds {
			if to, _ := os.Readlink("/proc/self/fd/" + f.Name()); strings.HasPrefix(to, "pipe:") {
				n++
			}
		}
		return n
	}
	p := opened(t, nil)
	p.Set(Table{Routes: plain(answering(t, "a").backend())})
	eventually(t, "the pipes of earlier tests are gone", func() bool { runtime.GC(); return pipes() < 20 })
	before := pipes()
	long := bytes.Repeat([]byte("x"), 4*wordSize)
	var all []*caller
	for range 20 {
		c := call(t, p.Addrs()[0])
		c.says(t, "a")
		_, err := c.Write(long)
		must(t, err)
		_, err = io.ReadFull(c.r, make([]byte, len(long)))
		must(t, err)
		all = append(all, c)
	}
	// Each connection has a pipe with two ends in each direction, and the backend, which echoes, one more.
	if after := pipes(); after < before+20*5 {
		t.Errorf("%d ends of pipes before 20 connections and %d with them: the bytes are copied", before, after)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { _, _ = all[0].Write(big) }()
	got := make([]byte, len(big))
	if _, err := io.ReadFull(all[0].r, got); err != nil || !slices.Equal(got, big) {
		t.Errorf("a megabyte did not come back whole: %v", err)
	}
}
