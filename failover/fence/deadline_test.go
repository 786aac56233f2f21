//go:build linux

package fence

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

func TestMain(m *testing.M) {
	if order := os.Getenv("FENCE_TEST_HOLDER"); order != "" {
		if err := holder(order); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	_ = supported("auto") // the eBPF library keeps what it learns about the kernel: not in a test that lacks capabilities
	os.Exit(m.Run())
}

// holder is a daemon, for the tests that kill one. In the namespace of its file 3
// it fences an interface, adds the addresses, opens them for a while, prints the
// deadline and waits to be killed.
func holder(order string) error {
	var driver string
	var ifindex int
	var lease time.Duration
	if _, err := fmt.Sscan(order, &driver, &ifindex, &lease); err != nil {
		return err
	}
	if err := netns.Set(netns.NsHandle(3)); err != nil {
		return err
	}
	f, err := New(Options{Driver: driver})
	if err != nil {
		return err
	}
	if err := f.Attach(ifindex); err != nil {
		return err
	}
	for _, vip := range vips {
		if err := f.Manage(vip); err != nil {
			return err
		}
		l := &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}
		if err := addAddress(l, vip, vip.BitLen()); err != nil {
			return err
		}
	}
	deadline := Now().Add(lease)
	for _, vip := range vips {
		if err := f.Open(vip, deadline); err != nil {
			return err
		}
	}
	fmt.Println(int64(deadline))
	select {}
}

// startHolder runs holder on the lab's machine and returns its deadline once it
// has opened the addresses, and how to kill it.
func (l *lab) startHolder(t testing.TB, driver string, lease time.Duration) (deadline Boottime, kill func()) {
	t.Helper()
	ns := os.NewFile(uintptr(must(netns.GetFromPath("/proc/thread-self/ns/net"))(t)), "netns")
	defer ns.Close()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("FENCE_TEST_HOLDER=%s %d %d", driver, l.link.Attrs().Index, lease))
	child.ExtraFiles = []*os.File{ns}
	child.Stderr = os.Stderr
	out := must(child.StdoutPipe())(t)
	ok(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	at, errAt := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil || errAt != nil {
		t.Fatalf("the child says %q: %v", line, err)
	}
	return Boottime(at), func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}
}

// A ping is one echo request, sent between two moments, and when it was answered: never if zero.
type ping struct{ from, sent, answered Boottime }

// flood pings addresses of the machine every half millisecond while it may go on,
// and returns what became of each ping.
func (l *lab) flood(t testing.TB, addrs []netip.Addr, goOn func() bool) map[netip.Addr][]ping {
	t.Helper()
	pings := make(map[netip.Addr][]ping)
	collect := func(wait time.Duration) bool {
		frame, at, more := l.wire.receive(wait)
		for _, a := range addrs {
			if seq, is := echoReply(frame, a); more && is {
				pings[a][seq].answered = at
			}
		}
		return more
	}
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	l.wire.drain()
	for goOn() {
		for _, a := range addrs {
			client, etherType := client4, uint16(etherIPv4)
			if a.Is6() {
				client, etherType = client6, etherIPv6
			}
			proto, request := echo(a, uint32(len(pings[a])))
			from := Now()
			l.wire.send(t, ethernet(here, there, etherType, ip(client, a, proto, request)))
			pings[a] = append(pings[a], ping{from: from, sent: Now()})
		}
		for collect(0) {
		}
		<-tick.C
	}
	for collect(500 * time.Millisecond) {
	}
	return pings
}

// TestSilentByDeadline: once told, the kernel needs nobody. The daemon that opened
// the addresses is killed at once; they are served until the deadline and not
// after it.
func TestSilentByDeadline(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		deadline, kill := l.startHolder(t, driver, 1500*time.Millisecond)
		kill()
		pings := l.flood(t, vips, func() bool { return Now() < deadline.Add(300*time.Millisecond) })
		for _, vip := range vips {
			// What is sent before the deadline may be on its way past it, for as long as a busy computer leaves it there.
			var last Boottime
			var longest time.Duration
			served := 0
			for _, p := range pings[vip] {
				if p.answered != 0 {
					last, longest = max(last, p.from), max(longest, p.answered.Sub(p.from))
					served++
				}
			}
			for i, p := range pings[vip] {
				if p.answered == 0 && p.sent.Add(100*time.Millisecond+longest) < deadline {
					t.Fatalf("%s: ping %d was not answered, %v before the deadline", vip, i, deadline.Sub(p.sent))
				}
			}
			late := last.Sub(deadline)
			t.Logf("%s: %d of %d pings answered, the last sent %v after the deadline", vip, served, len(pings[vip]), late)
			if served == 0 || late > 20*time.Millisecond {
				t.Errorf("%s: answered %d pings, the last sent %v after the deadline", vip, served, late)
			}
			if does := l.provoke(t, vip); does != nil {
				t.Errorf("%s: past the deadline the machine does %q", vip, does)
			}
		}
	})
}

// TestRefreshLosesNothing: a lease that is renewed in time is never noticed.
func TestRefreshLosesNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, driver string) {
		l := newLab(t)
		f := l.newFence(t, driver)
		for _, vip := range vips {
			l.hold(t, f, vip)
			ok(t, f.Open(vip, Now().Add(time.Hour)))
		}
		const want = 200
		refreshed := 0
		done := background(l.machine, func() error {
			for ; refreshed < want; refreshed++ {
				for _, vip := range vips {
					if err := f.Open(vip, Now().Add(5*time.Second)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		pings := l.flood(t, vips, running(t, done))
		for _, vip := range vips {
			for i, p := range pings[vip] {
				if p.answered == 0 {
					t.Errorf("%s: ping %d of %d was lost during %d refreshes", vip, i, len(pings[vip]), refreshed)
				}
			}
		}
	})
}

// running says, once for each ping, whether something in the background goes on.
func running(t testing.TB, done <-chan error) func() bool {
	return func() bool {
		select {
		case err := <-done:
			ok(t, err)
			return false
		default:
			return true
		}
	}
}
