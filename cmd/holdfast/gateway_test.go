package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/failover/lab"
)

// TestGateway runs examples/gateway: a client behind two machines downloads from the outside, the holder loses power, an operator moves the
// group, and somebody removes what the gateway consists of.
func TestGateway(t *testing.T) {
	need(t, "ip", "nft")
	lan := lab.Network{Name: "lan", IPv4: netip.MustParsePrefix("10.77.0.0/24"), Machines: []string{"n1", "n2", "n3", "client"}}
	wan := lab.Network{Name: "wan", IPv4: netip.MustParsePrefix("10.88.0.0/24"), Machines: []string{"n1", "n2", "n4"}}
	var mu sync.Mutex
	sources := map[string]bool{}
	x := onExample(t, "gateway", lab.Options{Machines: []string{"n1", "n2", "n3", "n4"}, Networks: []lab.Network{lan, wan}},
		map[string][]string{"n3": {"-hcl", "failover { witness = true }"}}, func(x *example) {
			x.sh("client", "ip route add default via 10.77.0.1")
			x.sh("n4", "ip addr add 10.88.0.13/24 dev eth0; ip addr add 198.51.100.1/32 dev lo; ip link set lo up")
			ln, err := x.Machine("n4").Listen(x.ctx, "tcp", "0.0.0.0:80")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
			body := strings.Repeat("x", 1<<20)
			go func() {
				_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // it ends with the listener
					host, _, _ := net.SplitHostPort(r.RemoteAddr)
					mu.Lock()
					sources[host] = true
					mu.Unlock()
					_, _ = io.WriteString(w, body) // whoever hangs up has its reasons
				}))
			}()
		})
	first := x.holder("gateway")
	x.eventually("the client reaches the outside", func() bool { return x.download() == nil })
	if first != "n1" {
		t.Errorf("%s holds the gateway, want n1", first)
	}
	x.restores(first)

	gap := x.through(func() {
		if err := x.api("n3", http.MethodPut, "/v1/failover/group/gateway/move?to="+other(first), nil); err != nil {
			t.Error(err)
		}
	})
	second := x.holder("gateway")
	t.Logf("moved from %s to %s: no download for %s", first, second, gap)
	for what, line := range map[string]string{"the default route": "ip route show proto 72", "the translation": "nft list tables | grep holdfast_nat", "forwarding": "grep 1 /proc/sys/net/ipv4/ip_forward"} {
		if got := x.sh(first, line); got != "" {
			t.Errorf("%s lies on %s still: %s", what, first, got)
		}
		if got := x.sh(second, line); got == "" {
			t.Errorf("%s does not lie on %s", what, second)
		}
	}
	gap = x.through(func() {
		if err := x.Machine(second).PowerOff(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%s lost power: no download for %s", second, gap)
	if gap > 4*time.Second {
		t.Errorf("no download for %s after %s had lost power", gap, second)
	}
	if got := x.holder("gateway", first, "n3"); got != first {
		t.Errorf("%s holds the gateway, want %s", got, first)
	}
	mu.Lock()
	defer mu.Unlock()
	delete(sources, "10.88.0.11") // verify asks from the machines' own addresses
	delete(sources, "10.88.0.12")
	if len(sources) != 1 || !sources["10.88.0.100"] {
		t.Errorf("the outside has seen %v", sources)
	}
	x.told(first, "verify: verify tcp 10.88.0.13:80 succeeded")
}

// download is one download by the client.
func (x *example) download() error {
	resp, err := x.client("client").Get("http://10.88.0.13/")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n != 1<<20 {
		err = fmt.Errorf("%d bytes came", n)
	}
	return err
}

// through downloads again and again while something happens, and answers the longest time from the end of one download to that of the next.
func (x *example) through(happens func()) time.Duration {
	x.t.Helper()
	longest, last := time.Duration(0), time.Now()
	good := 0
	for i := 0; good < 60; i++ {
		if i == 5 {
			happens()
		}
		c := x.client("client")
		c.Timeout = 300 * time.Millisecond
		resp, err := c.Get("http://10.88.0.13/")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if now := time.Now(); err == nil {
			longest, last = max(longest, now.Sub(last)), now
			good++
		} else if now.Sub(last) > 30*time.Second {
			x.t.Fatalf("no download for %s: %v", now.Sub(last), err)
		}
	}
	return longest
}

// restores holds that what somebody removes from the holder is back at once, and told.
func (x *example) restores(holder string) {
	x.t.Helper()
	for _, c := range []struct{ what, remove, look, words string }{
		{"the default route", "ip route del default proto 72", "ip route show proto 72", "removed or changed route 0.0.0.0/0 via 10.88.0.13"},
		{"the translation", "nft delete table inet holdfast_nat", "nft list tables | grep holdfast_nat", "removed or changed masquerade 10.77.0.0/24"},
		{"the address", "ip addr del 10.77.0.1/32 dev eth0", "ip -o addr show to 10.77.0.1", "removed 10.77.0.1/24 on eth0; it was put back"},
	} {
		var took []time.Duration
		for range 5 {
			// One shell removes and looks: the time is its own.
			out := x.sh(holder, fmt.Sprintf(`%s; a=$(date +%%s%%N); while [ -z "$(%s)" ]; do :; done; b=$(date +%%s%%N); echo took $((b-a))`, c.remove, c.look))
			var ns int64
			if _, err := fmt.Sscanf(out[max(0, strings.LastIndex(out, "took")):], "took %d", &ns); err != nil {
				x.t.Fatalf("%s: %q: %v", c.what, out, err)
			}
			took = append(took, time.Duration(ns))
		}
		slices.Sort(took)
		x.t.Logf("%s is back after %v", c.what, took)
		if took[len(took)/2] > 500*time.Millisecond { // the promise is 50 ms, on a machine that is not busy
			x.t.Errorf("%s is back after %v", c.what, took)
		}
		x.told(holder, "repair:", c.words)
	}
}
