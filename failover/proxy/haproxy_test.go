package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// standAlone makes this test program a proxy and nothing else: "LISTEN BACKEND".
const standAlone = "HOLDFAST_TEST_PROXY"

func TestMain(m *testing.M) {
	if s := os.Getenv(standAlone); s != "" {
		listen, backend, _ := strings.Cut(s, " ")
		p := New("bench", DefaultOptions(listen), slog.New(slog.DiscardHandler))
		if err := p.Open(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		p.Set(Table{Routes: plain(Backend{ID: "a", Addr: backend, Weight: 1})})
		_, _ = io.Copy(io.Discard, os.Stdin) // until who has started it is gone
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// freePort is an address that nobody listens on at this moment.
func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// BenchmarkBesideHAProxy measures this proxy and HAProxy by turns, each as a process of its own, with the same load: connections with a byte
// there and back, and streams. What counts is the ratio.
//
//	go test ./failover/proxy -run '^$' -bench BesideHAProxy -benchtime 1x
func BenchmarkBesideHAProxy(b *testing.B) {
	if _, err := exec.LookPath("haproxy"); err != nil {
		b.Skip("haproxy is not installed: apt-get install haproxy")
	}
	backend := benchBackend(b)
	ours, theirs := freePort(b), freePort(b)
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	start(b, ours, append(os.Environ(), standAlone+"="+ours+" "+backend), self)
	conf := filepath.Join(b.TempDir(), "haproxy.cfg")
	text := fmt.Sprintf("global\n  maxconn 2000\ndefaults\n  mode tcp\n  option splice-auto\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\nlisten bench\n  bind %s\n  server a %s\n", theirs, backend)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	start(b, theirs, nil, "haproxy", "-db", "-f", conf)
	const rounds, length = 5, 2 * time.Second
	for b.Loop() {
		var rate, bytes [2][]float64
		for range rounds {
			for i, addr := range []string{ours, theirs} {
				rate[i] = append(rate[i], connections(b, addr, length))
				bytes[i] = append(bytes[i], streams(b, addr, length))
			}
		}
		b.ReportMetric(median(rate[0]), "conns/s")
		b.ReportMetric(median(rate[1]), "haproxy-conns/s")
		b.ReportMetric(median(rate[0])/median(rate[1]), "conns-ratio")
		b.ReportMetric(median(bytes[0])/1e6, "MB/s")
		b.ReportMetric(median(bytes[1])/1e6, "haproxy-MB/s")
		b.ReportMetric(median(bytes[0])/median(bytes[1]), "bytes-ratio")
	}
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// start runs a proxy until the benchmark ends, and waits until it listens.
func start(b *testing.B, addr string, env []string, args ...string) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = env
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		cancel()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(limit); ; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s does not listen: %v", args[0], err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// benchBackend answers the byte 'e' with itself, and 's' with a stream without end.
func benchBackend(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	block := make([]byte, 256<<10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var word [1]byte
				if _, err := io.ReadFull(c, word[:]); err != nil {
					return
				}
				for word[0] == 's' {
					if _, err := c.Write(block); err != nil {
						return
					}
				}
				_, _ = c.Write(word[:])
			}()
		}
	}()
	return l.Addr().String()
}

// connections is how many connections with a byte there and back pass in a second.
func connections(b *testing.B, addr string, length time.Duration) float64 {
	b.Helper()
	return load(b, 16, addr, length, func(c net.Conn, _ time.Time, done *atomic.Int64) error {
		word := []byte{'e'}
		if _, err := c.Write(word); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, word); err != nil {
			return err
		}
		done.Add(1)
		return nil
	})
}

// streams is how many bytes pass in a second.
func streams(b *testing.B, addr string, length time.Duration) float64 {
	b.Helper()
	return load(b, 4, addr, length, func(c net.Conn, end time.Time, done *atomic.Int64) error {
		if _, err := c.Write([]byte{'s'}); err != nil {
			return err
		}
		buf := make([]byte, 256<<10)
		for time.Now().Before(end) {
			n, err := c.Read(buf)
			if err != nil {
				return err
			}
			done.Add(int64(n))
		}
		return nil
	})
}

// load lets clients come again and again, and answers what was done in a second.
func load(b *testing.B, clients int, addr string, length time.Duration, talk func(net.Conn, time.Time, *atomic.Int64) error) float64 {
	b.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	end := began.Add(length)
	for range clients {
		wg.Go(func() {
			for time.Now().Before(end) {
				c, err := net.Dial("tcp", addr)
				if err == nil {
					err = talk(c, end, &done)
					_ = c.(*net.TCPConn).SetLinger(0) // no port waits
					_ = c.Close()
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}
