package conntrack

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const limit = 20 * time.Second

// TestMain is conntrackd's stand-in where a test has started it as one: it notes what it is told, and fails as it is told to.
func TestMain(m *testing.M) {
	if os.Getenv("STAND_IN") == "" {
		os.Exit(m.Run())
	}
	config, command := os.Args[2], strings.Join(os.Args[3:], " ")
	journal, err := os.OpenFile(filepath.Join(filepath.Dir(config), "journal"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	if command == "" {
		command = "start"
	}
	_, _ = journal.WriteString(command + "\n")
	if command != "start" {
		return
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(config), "refuse")); err == nil {
		_, _ = os.Stderr.WriteString("[ERROR] no such group\n")
		os.Exit(1)
	}
	l, err := net.Listen("unix", strings.TrimSuffix(config, "conf")+"sock")
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	_ = l.Close()
	_, _ = journal.WriteString("end\n")
}

// bench is a Sync with the stand-in.
type bench struct {
	*Sync
	t    *testing.T
	dir  string
	said chan string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	t.Setenv("STAND_IN", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: t.TempDir(), said: make(chan string, 10)}
	b.Sync = New(Options{Dir: b.dir, Addr: netip.MustParseAddr("10.0.0.1"), Interface: "eth0", Program: self, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx, func(why string) { b.said <- why })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return b
}

// wants waits until the stand-in has been told so.
func (b *bench) wants(lines ...string) {
	b.t.Helper()
	var got []string
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(b.dir, "journal")) // one that is not there yet is empty
		if got = strings.Fields(strings.ReplaceAll(string(text), " ", "_")); slices.Equal(got, lines) {
			return
		}
	}
	b.t.Fatalf("conntrackd was told %q, want %q", got, lines)
}

// TestSync follows a machine that may hold a group, holds it, holds another too, lets both go and may hold none any more.
func TestSync(t *testing.T) {
	b := newBench(t)
	b.Set(Want{Run: true}) // the cluster is not known yet
	b.Set(Want{Cluster: "c", Run: true})
	b.wants("start")
	b.Set(Want{Cluster: "c", Run: true, Serving: []string{"a 1"}})
	b.wants("start", "-R", "-B")
	b.Set(Want{Cluster: "c", Run: true, Serving: []string{"a 1", "b 4"}})
	b.wants("start", "-R", "-B", "-R", "-B")
	b.Set(Want{Cluster: "c", Run: true, Serving: []string{"b 4"}})
	b.Set(Want{Cluster: "c", Run: true})
	b.wants("start", "-R", "-B", "-R", "-B", "-f_internal")
	b.Set(Want{Cluster: "c"})
	b.wants("start", "-R", "-B", "-R", "-B", "-f_internal", "end")
	select {
	case why := <-b.said:
		t.Errorf("it complains: %s", why)
	default:
	}
}

// TestSyncSaysWhy holds that a machine says once, and in words, what is in the way, and starts what serves again with all that it needs.
func TestSyncSaysWhy(t *testing.T) {
	b := newBench(t)
	if err := os.WriteFile(filepath.Join(b.dir, "refuse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Set(Want{Cluster: "c", Run: true, Serving: []string{"a 1"}})
	select {
	case why := <-b.said:
		if want := "established connections will not survive a move of their gateway: conntrackd ended: exit status 1: [ERROR] no such group"; why != want {
			t.Errorf("it says %q, want %q", why, want)
		}
	case <-time.After(limit):
		t.Fatal("it says nothing")
	}
	if err := os.Remove(filepath.Join(b.dir, "refuse")); err != nil {
		t.Fatal(err)
	}
	b.wants("start", "start", "-R", "-B")
}

func TestWithoutConntrackd(t *testing.T) {
	s := New(Options{Program: "/does/not/exist"})
	if err := s.runOnce(t.Context(), "c", nil); err == nil || !strings.Contains(err.Error(), "conntrackd is not installed on this machine") {
		t.Errorf("it says %v", err)
	}
	if _, err := interfaceOf(netip.MustParseAddr("127.0.0.1")); err == nil || !strings.Contains(err.Error(), "give bind_addr an IPv4 address") {
		t.Errorf("over loopback: %v", err)
	}
	if _, err := interfaceOf(netip.MustParseAddr("192.0.2.77")); err == nil || !strings.Contains(err.Error(), "no interface has this machine's address 192.0.2.77") {
		t.Errorf("over nothing: %v", err)
	}
}

// TestClustersDoNotMeet holds that clusters of one network speak in groups of their own.
func TestClustersDoNotMeet(t *testing.T) {
	a, b := settings{cluster: "6f0c2f4e"}.group(), settings{cluster: "6f0c2f4f"}.group()
	if site := netip.MustParsePrefix("239.255.0.0/16"); a == b || !site.Contains(a) || !site.Contains(b) {
		t.Errorf("groups %s and %s", a, b)
	}
}
