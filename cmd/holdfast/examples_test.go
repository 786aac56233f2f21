package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/failover/lab"
)

var threeAndClient = lab.Options{Machines: []string{"n1", "n2", "n3"}}

// page is what the web servers behind an address say, "" where nobody answers.
func (x *example) page(url string) string {
	c := x.client("client")
	c.Timeout = 500 * time.Millisecond
	resp, err := c.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// longestSilence asks until n questions in a row were answered after something happened, and answers the longest time between two answers and
// how many questions failed.
func longestSilence(n int, happens func(), ask func() bool) (longest time.Duration, failed int) {
	last, row := time.Now(), 0
	for i := 0; row < n && time.Since(last) < 20*time.Second; i++ {
		if i == 10 {
			happens()
			row = 0
		}
		if !ask() {
			failed++
			row = 0
			continue
		}
		longest, last = max(longest, time.Since(last)), time.Now()
		row++
	}
	return longest, failed
}

// TestLoadBalancer runs examples/loadbalancer: HAProxy on two machines before nginx on three.
func TestLoadBalancer(t *testing.T) {
	need(t, "haproxy", "nginx")
	servers, balancers := map[string]*lab.Process{}, map[string]*lab.Process{}
	balancer := []string{"-config-dir", filepath.Join("..", "..", "examples", "loadbalancer", "balancer")}
	x := onExample(t, "loadbalancer", threeAndClient, map[string][]string{"n1": balancer, "n2": balancer}, func(x *example) {
		for _, m := range []string{"n1", "n2", "n3"} {
			prefix := filepath.Join(x.tmp, "nginx-"+m)
			if err := os.MkdirAll(prefix, 0o755); err != nil {
				t.Fatal(err)
			}
			servers[m] = x.start(m, "nginx", "-p", prefix, "-c", filepath.Join(x.dir, "nginx.conf"))
			if m != "n3" {
				balancers[m] = x.start(m, "haproxy", "-db", "-f", filepath.Join(x.dir, "haproxy.cfg"))
			}
		}
	})
	const url = "http://10.77.0.100/"
	x.begins("lb", "n1")
	seen := map[string]bool{}
	x.eventually("all three web servers answer", func() bool {
		seen[x.page(url)] = true
		return seen["n1"] && seen["n2"] && seen["n3"]
	})
	if err := servers["n3"].Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	x.eventually("the dead web server is asked no more", func() bool {
		for range 20 {
			if p := x.page(url); p == "" || p == "n3" {
				return false
			}
		}
		return true
	})
	gap, failed := longestSilence(50, func() {
		if err := balancers["n1"].Kill(); err != nil {
			t.Error(err)
		}
	}, func() bool { return x.page(url) != "" })
	t.Logf("HAProxy died on n1: %d requests failed, no answer for %s", failed, gap)
	if gap > slowly {
		t.Errorf("no answer for %s after HAProxy had died", gap)
	}
	x.holder("lb", "n2")
	balancers["n1"] = x.start("n1", "haproxy", "-db", "-f", filepath.Join(x.dir, "haproxy.cfg"))
	x.eventually("n1 is eligible again", func() bool {
		var ds []struct {
			Verdicts []struct {
				Node     string
				Eligible bool
			}
		}
		if x.api("n3", http.MethodGet, "/v1/failover/plan", &ds) != nil || len(ds) != 1 {
			return false
		}
		for _, v := range ds[0].Verdicts {
			if v.Node == "n1" {
				return v.Eligible
			}
		}
		return false
	})
	gap, failed = longestSilence(50, func() {
		if err := x.Machine("n2").PowerOff(); err != nil {
			t.Error(err)
		}
	}, func() bool { return x.page(url) == "n1" })
	t.Logf("n2 lost power: %d requests failed, no answer for %s", failed, gap)
	if gap > slowly {
		t.Errorf("no answer for %s after n2 had lost power", gap)
	}
}

// TestNameServers runs examples/dns: NSD on two machines behind one address.
func TestNameServers(t *testing.T) {
	need(t, "nsd", "dig")
	server := []string{"-config-dir", filepath.Join("..", "..", "examples", "dns", "server")}
	nsd := func(x *example, m string) {
		x.start(m, "sh", "-c", "cd "+x.dir+" && exec nsd -d -c nsd.conf")
	}
	x := onExample(t, "dns", threeAndClient, map[string][]string{"n1": server, "n2": server}, func(x *example) {
		nsd(x, "n1")
		nsd(x, "n2")
	})
	x.holder("ns", "n1") // it preempts
	dig := func() bool {
		// A try that was in vain is said before the answer.
		return strings.HasSuffix(strings.TrimSpace(x.sh("client", "dig +short +time=1 +tries=10 @10.77.0.53 www.example.org A")), "192.0.2.80")
	}
	x.eventually("the address answers", dig)
	gap, failed := longestSilence(40, func() {
		if err := x.Machine("n1").PowerOff(); err != nil {
			t.Error(err)
		}
	}, dig)
	t.Logf("n1 lost power: %d questions failed, no answer for %s", failed, gap)
	if failed > 0 || gap > slowly {
		t.Errorf("%d questions failed, no answer for %s", failed, gap)
	}
	if err := x.Machine("n1").PowerOn(x.ctx); err != nil {
		t.Fatal(err)
	}
	nsd(x, "n1")
	x.startDaemon("n1")
	gap, failed = longestSilence(40, func() { x.eventually("n1 has it back", func() bool { return dig() && x.holder("ns") == "n1" }) }, dig)
	t.Logf("n1 came back and took it after its delay: %d questions failed", failed)
	if failed > 0 {
		t.Errorf("%d questions failed at a move in good order (%s)", failed, gap)
	}
	x.told("n3", "assign:", "n1 is preferred to n2", "and the group preempts")
}
