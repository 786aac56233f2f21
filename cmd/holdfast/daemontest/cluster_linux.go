package daemontest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Limit is how long a test waits for what must happen; it is generous, because machines can be slow.
const Limit = 60 * time.Second

// Options describe a Cluster.
type Options struct {
	Command []string // runs the program
	Env     []string // beside the environment of this process
	Extra   string   // more configuration in HCL, for every member
}

// The servers that begin a cluster, and their configuration.
const (
	founders = 3
	founding = "server = true\nbootstrap_expect = 3\n"
)

// Cluster is three daemons, m1 to m3, each on a loopback address of its own and on the usual ports. All three are servers; Agents adds others.
type Cluster struct {
	Members []*Member
	t       testing.TB
	o       Options
	dir     string
	client  *http.Client
}

// Start starts the daemons and waits until all of them serve. They end with the test.
func Start(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	c := &Cluster{t: tb, o: o, dir: tb.TempDir(), client: NewClient(nil)}
	for i, addr := range addresses(tb, founders) {
		c.Members = append(c.Members, c.member(fmt.Sprintf("m%d", i+1), addr))
	}
	tb.Cleanup(func() {
		c.KillAll()
		c.client.CloseIdleConnections()
		c.readLogs()
	})
	for _, m := range c.Members {
		if err := m.configure(c.dir, c.Members, founding+o.Extra); err != nil {
			tb.Fatal(err)
		}
		m.Start()
	}
	c.AwaitAll()
	return c
}

func (c *Cluster) member(name string, addr netip.Addr) *Member {
	return &Member{
		KV:   &KV{Member: name, Base: "http://" + netip.AddrPortFrom(addr, 8500).String(), Client: c.client},
		Addr: addr, t: c.t, env: append(os.Environ(), c.o.Env...), logFile: filepath.Join(c.dir, name+".log"),
		argv: append(append([]string{}, c.o.Command...), "agent", "-config-file", filepath.Join(c.dir, name+".hcl")),
	}
}

// Agents describes n daemons beside the servers, a1 and so on, that have no vote. The caller starts them; they end with the test.
func (c *Cluster) Agents(n int, extra string) []*Member {
	c.t.Helper()
	var all []*Member
	for i, addr := range addresses(c.t, n) {
		m := c.member(fmt.Sprintf("a%d", i+1), addr)
		if err := m.configure(c.dir, c.Members, extra+c.o.Extra); err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(m.Kill)
		all = append(all, m)
	}
	return all
}

// addresses are n free loopback addresses in a row: other tests run at the same time.
func addresses(tb testing.TB, n int) []netip.Addr {
	tb.Helper()
	for range 100 {
		first := netip.AddrFrom4([4]byte{127, byte(64 + rand.N(128)), byte(1 + rand.N(250)), 1})
		var all []netip.Addr
		for a := first; len(all) < n && free(a); a = a.Next() {
			all = append(all, a)
		}
		if len(all) == n {
			return all
		}
	}
	tb.Skip("this test runs three daemons on 127.64.0.1 and upwards: no port 8300 can be had there")
	return nil
}

func free(a netip.Addr) bool {
	l, err := net.Listen("tcp", netip.AddrPortFrom(a, 8300).String())
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// KVs are the clients of all members.
func (c *Cluster) KVs() []*KV {
	var all []*KV
	for _, m := range c.Members {
		all = append(all, m.KV)
	}
	return all
}

// KillAll kills all daemons at once.
func (c *Cluster) KillAll() {
	c.t.Helper()
	var wg sync.WaitGroup
	for _, m := range c.Members {
		wg.Go(m.Kill)
	}
	wg.Wait()
}

// StartAll starts every daemon that is down.
func (c *Cluster) StartAll() {
	c.t.Helper()
	for _, m := range c.Members {
		m.Start()
	}
}

// AwaitAll waits until every member serves.
func (c *Cluster) AwaitAll() {
	c.t.Helper()
	for _, m := range c.Members {
		Await(c.t, m.Member+" serves", m.Serves)
	}
}

// Leader waits until a running member names a leader other than the members in but, and answers it.
func (c *Cluster) Leader(but ...*Member) *Member {
	c.t.Helper()
	var leader *Member
	Await(c.t, "there is a leader", func(ctx context.Context) bool {
		leader = c.leader(ctx, but)
		return leader != nil
	})
	return leader
}

// Others are all members but one.
func (c *Cluster) Others(than *Member) []*Member {
	return slices.DeleteFunc(slices.Clone(c.Members), func(m *Member) bool { return m == than })
}

func (c *Cluster) leader(ctx context.Context, but []*Member) *Member {
	skip := map[*Member]bool{}
	for _, m := range but {
		skip[m] = true
	}
	for _, m := range c.Members {
		if skip[m] || !m.Running() {
			continue
		}
		addr, err := m.Leader(ctx)
		for _, l := range c.Members {
			if err == nil && !skip[l] && addr == netip.AddrPortFrom(l.Addr, 8300).String() {
				return l
			}
		}
	}
	return nil
}

// Reload gives a running server of the first ones another Extra, and waits until it is taken.
func (c *Cluster) Reload(m *Member, extra string) {
	c.t.Helper()
	const taken = `msg="the configuration is reloaded"`
	before := strings.Count(m.Log(), taken)
	if err := m.configure(c.dir, c.Members, founding+extra); err != nil {
		c.t.Fatal(err)
	}
	m.signal(syscall.SIGHUP)
	Await(c.t, m.Member+" takes its configuration", func(context.Context) bool { return strings.Count(m.Log(), taken) > before })
}

// readLogs looks for what no log may hold, and shows the ends of the logs where the test has failed.
func (c *Cluster) readLogs() {
	for _, m := range c.Members {
		b, err := os.ReadFile(m.logFile)
		if err != nil {
			continue
		}
		for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
			if i := bytes.Index(b, []byte(bad)); i >= 0 {
				c.t.Errorf("the log of %s:\n%s", m.Member, b[i:min(len(b), i+8000)])
			}
		}
		if c.t.Failed() {
			c.t.Logf("--- the end of the log of %s\n%s", m.Member, b[max(0, len(b)-8000):])
		}
	}
}

// Await asks until the answer is yes, and fails the test when it takes longer than Limit. Each question has a second.
func Await(tb testing.TB, what string, ask func(context.Context) bool) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Limit); ; <-tick.C {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		ok := ask(ctx)
		cancel()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("waited %s in vain until %s", Limit, what)
		}
	}
}

// Pause waits for d, or until ctx ends, and reports whether ctx goes on.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
