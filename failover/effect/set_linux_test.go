package effect

import (
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/cluster"
)

// onMachine gives the test a machine of its own: a network namespace with eth0, 10.0.0.11/24 and fd00::11/64.
func onMachine(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this test makes a network namespace: run it as root")
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("this test makes a network namespace, which is refused here: %v", err)
	}
	for _, l := range []string{
		"ip link set lo up", "ip link add eth0 type veth peer name peer", "ip link set peer up", "ip link set eth0 up", "ip addr add 10.0.0.11/24 dev eth0", "ip addr add fd00::11/64 dev eth0 nodad",
	} {
		sh(t, l)
	}
}

func sh(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

func routeOf(dst, via string) cluster.Route {
	return cluster.Route{Destination: netip.MustParsePrefix(dst), Via: netip.MustParseAddr(via)}
}

func opened(t *testing.T, dir string) *Host {
	t.Helper()
	h := New(dir, slog.New(slog.DiscardHandler))
	if err := h.Open(); err != nil {
		t.Fatal(err)
	}
	return h
}

// set must succeed for every group.
func set(t *testing.T, h *Host, prune bool, want ...Wanted) Changes {
	t.Helper()
	done, errs := h.Set(want, prune)
	for g, err := range errs {
		t.Errorf("group %q: %v", g, err)
	}
	return done
}

// TestSet holds what the package promises: what is wanted is there, what is ours and not wanted is gone, what was there before comes back, a later
// daemon takes over, and what somebody else removed is put back.
func TestSet(t *testing.T) {
	onMachine(t)
	dir := t.TempDir()
	sh(t, "ip route add 10.9.0.0/16 via 10.0.0.1") // the machine's own
	e := cluster.Effects{
		Sysctls: map[string]string{"net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0/rp_filter": "2"},
		Routes:  []cluster.Route{routeOf("0.0.0.0/0", "10.0.0.1"), routeOf("::/0", "fd00::1"), {Destination: netip.MustParsePrefix("10.1.0.0/16"), Interface: "eth0", Table: 100, Metric: 7, Source: netip.MustParseAddr("10.0.0.11")}},
		NATs:    []cluster.NAT{{Source: netip.MustParsePrefix("10.77.0.0/24"), Interface: "eth0", To: netip.MustParseAddr("10.0.0.100")}, {Source: netip.MustParsePrefix("fd77::/64")}},
	}
	before := strings.TrimSpace(sh(t, "cat /proc/sys/net/ipv4/ip_forward"))
	h := opened(t, dir)
	if c := set(t, h, true, Wanted{"g", &e, false}); len(c.Added) != 2 || before != "0" {
		t.Errorf("a group that is not open yet: %+v; forwarding was %s", c, before)
	}
	if c := set(t, h, true, Wanted{"g", &e, true}); len(c.Added) != 5 || len(c.Restored)+len(c.Removed) != 0 {
		t.Errorf("open: %+v", c)
	}
	has := func(what string, wanted bool, in, text string) {
		t.Helper()
		if got := sh(t, in); strings.Contains(got, text) != wanted {
			t.Errorf("%s: %q in %q: %v, want %v", what, text, got, !wanted, wanted)
		}
	}
	all := func(what string, wanted bool) {
		t.Helper()
		has(what, wanted, "ip route", "default via 10.0.0.1 dev eth0 proto 72 onlink")
		has(what, wanted, "ip -6 route", "default via fd00::1 dev eth0 proto 72")
		has(what, wanted, "ip route show table all", "10.1.0.0/16 dev eth0 table 100 proto 72 scope link src 10.0.0.11 metric 7")
		has(what, wanted, "nft list ruleset", `ip saddr 10.77.0.0/24 oifname "eth0" snat ip to 10.0.0.100`)
		has(what, wanted, "nft list ruleset", "ip6 saddr fd77::/64 masquerade")
		has(what, wanted, "cat /proc/sys/net/ipv4/ip_forward", "1")
	}
	all("set", true)
	if c := set(t, h, true, Wanted{"g", &e, true}); len(c.Added)+len(c.Restored)+len(c.Removed) != 0 {
		t.Errorf("once more: %+v", c)
	}
	sh(t, "ip route flush proto 72; ip route flush table 100; ip -6 route del default; nft flush ruleset; echo 0 > /proc/sys/net/ipv4/ip_forward")
	if c := set(t, h, true, Wanted{"g", &e, true}); len(c.Restored) != 6 || len(c.Added) != 0 {
		t.Errorf("after somebody else removed all: %+v", c)
	}
	all("restored", true)
	later := opened(t, dir)
	if c := set(t, later, false); len(c.Removed) != 0 {
		t.Errorf("a later daemon that does not know yet what is wanted: %+v", c)
	}
	all("not known yet", true)
	if c := set(t, later, true, Wanted{"g", &e, true}); len(c.Added)+len(c.Restored)+len(c.Removed) != 0 {
		t.Errorf("a later daemon that goes on: %+v", c)
	}
	if c := set(t, opened(t, dir), true); len(c.Removed) != 7 {
		t.Errorf("a later daemon with nothing to do: %+v", c)
	}
	all("removed", false)
	has("the machine's own", true, "ip route", "10.9.0.0/16 via 10.0.0.1 dev eth0")
	if got := strings.TrimSpace(sh(t, "cat /proc/sys/net/ipv4/ip_forward")); got != before {
		t.Errorf("forwarding is %s, was %s", got, before)
	}
}

// TestForeignRoute holds that a route of the machine's own is never replaced.
func TestForeignRoute(t *testing.T) {
	onMachine(t)
	sh(t, "ip route add default via 10.0.0.254")
	h := opened(t, t.TempDir())
	e := cluster.Effects{Routes: []cluster.Route{routeOf("0.0.0.0/0", "10.0.0.1")}}
	_, errs := h.Set([]Wanted{{"g", &e, true}}, true)
	if err := errs["g"]; err == nil || !strings.Contains(err.Error(), "give the group's another metric") {
		t.Errorf("got %v", errs)
	}
	e.Routes = []cluster.Route{routeOf("10.5.0.0/16", "192.0.2.1")}
	_, errs = h.Set([]Wanted{{"g", &e, true}}, true)
	if err := errs["g"]; err == nil || !strings.Contains(err.Error(), `name one with dev = "..."`) {
		t.Errorf("got %v", errs)
	}
	if got := sh(t, "ip route"); !strings.Contains(got, "default via 10.0.0.254") {
		t.Errorf("the machine's own route is gone: %s", got)
	}
}

// TestRuns holds that the ledger knows what runs.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	h := opened(t, dir)
	a, b := cluster.Run{Start: []string{"sh", "-c", "echo up $X"}, Stop: []string{"sh", "-c", "echo down"}}, cluster.Run{Start: []string{"false"}}
	if out, err := h.Start(t.Context(), "g", a, []string{"X=1", "PATH=/bin:/usr/bin"}); err != nil || out != "up 1\n" {
		t.Errorf("start: %q, %v", out, err)
	}
	if _, err := h.Start(t.Context(), "g", b, nil); err == nil || !strings.Contains(err.Error(), "failed: exit status 1") {
		t.Errorf("start of what fails: %v", err)
	}
	later := opened(t, dir)
	if rs := later.Started()["g"]; len(rs) != 2 || !rs[0].Equal(a) || !rs[1].Equal(b) {
		t.Errorf("a later daemon finds %+v", rs)
	}
	for _, r := range slices.Backward(later.Started()["g"]) {
		if _, err := later.Stop(t.Context(), "g", r, nil); err != nil {
			t.Error(err)
		}
	}
	if rs := opened(t, dir).Started(); len(rs) != 0 {
		t.Errorf("after the stop: %+v", rs)
	}
	if _, err := h.Start(t.Context(), "g", cluster.Run{Start: []string{"sleep", "60"}, Timeout: 50 * time.Millisecond}, nil); err == nil || !strings.Contains(err.Error(), "killed after its timeout of 50ms") {
		t.Errorf("start of what hangs: %v", err)
	}
}

// TestVerify holds that a question is asked until the answer is good or the time is up.
func TestVerify(t *testing.T) {
	file := t.TempDir() + "/n"
	third := cluster.Verify{Args: []string{"sh", "-c", "echo x >> " + file + "; test $(wc -l < " + file + ") -ge 3"}}
	if out, err := Verify(t.Context(), third, nil); err != nil {
		t.Errorf("good at the third try: %q, %v", out, err)
	}
	never := cluster.Verify{TCP: "127.0.0.1:1", Within: 250 * time.Millisecond}
	if _, err := Verify(t.Context(), never, nil); err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), "in 250ms)") {
		t.Errorf("never good: %v", err)
	}
}
