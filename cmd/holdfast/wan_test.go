package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// inDatacenter runs a daemon of a datacenter that is in the pool with others.
func inDatacenter(t *testing.T, name, node, over string) (*daemon, *child) {
	t.Helper()
	d := inProcess(t, fmt.Sprintf("datacenter = %q\nnode_name = %q\nports { serf_wan = 0 }\n%s", name, node, over))
	if err := d.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d, &child{t: t, http: d.http.Addrs()[0].String()}
}

// send asks for something, and answers status and body.
func (c *child) send(method, path, body string) (int, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.http+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return 0, ""
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
	}
	return resp.StatusCode, string(b)
}

// TestTwoDatacenters holds what programs do with other datacenters: reads, writes and blocking reads over the API, names over DNS, prepared queries that
// go on there; through servers and through an agent that is none, while servers of the other datacenter die, and when none is left.
func TestTwoDatacenters(t *testing.T) {
	t.Parallel()
	one, c1 := inDatacenter(t, "dc1", "a1", "")
	far, _ := inDatacenter(t, "dc2", "b1", fmt.Sprintf("bootstrap_expect = 3\nretry_join_wan = [%q]", one.agent.WAN().Self().Addr))
	join := fmt.Sprintf("bootstrap_expect = 3\nretry_join = [%q]", far.agent.Self().Addr)
	second, _ := inDatacenter(t, "dc2", "b2", join)
	_, c3 := inDatacenter(t, "dc2", "b3", join)
	_, agent := inDatacenter(t, "dc1", "a2", fmt.Sprintf("server = false\nbootstrap_expect = 0\nretry_join = [%q]", one.agent.Self().Addr))
	eventually(t, "a leader of dc2", func() bool { return strings.Contains(c3.api("/v1/status/leader"), ":") })
	eventually(t, "all servers are in the pool", func() bool { return strings.Count(c1.api("/v1/agent/members?wan=1"), `"Status":1`) == 4 })

	for _, c := range []*child{c1, agent} {
		eventually(t, "both datacenters are known", func() bool { return c.api("/v1/catalog/datacenters") == `["dc1","dc2"]` })
		key := "/v1/kv/from-" + c.http
		eventually(t, "a write in dc2", func() bool { code, _ := c.send("PUT", key+"?dc=dc2", "there"); return code == http.StatusOK })
		if code, body := c.send("GET", key+"?dc=dc2&raw", ""); code != http.StatusOK || body != "there" {
			t.Errorf("read from dc2: %d %s", code, body)
		}
		if code, _ := c.send("GET", key, ""); code != http.StatusNotFound {
			t.Errorf("what was written in dc2 is in dc1: %d", code)
		}
		if code, body := c.send("GET", key+"?dc=dc9", ""); code != http.StatusInternalServerError || !strings.HasPrefix(body, "No path to datacenter") {
			t.Errorf("a datacenter that nobody knows: %d %s", code, body)
		}
	}
	if code, body := c1.send("PUT", "/v1/catalog/register", `{"Datacenter":"dc2","Node":"ext","Address":"192.0.2.7","Service":{"Service":"web","Port":80}}`); code != http.StatusOK {
		t.Errorf("a registration whose body names dc2: %d %s", code, body)
	}
	if got := c3.api("/v1/catalog/service/web"); !strings.Contains(got, `"192.0.2.7"`) {
		t.Errorf("the service in dc2 is %s", got)
	}
	blocked := make(chan string, 1)
	go func() {
		_, body := c1.send("GET", "/v1/kv/awaited?dc=dc2&raw&index=1&wait=60s", "")
		blocked <- body
	}()
	t.Run("dns", func(t *testing.T) { namesAbroad(t, one) })
	t.Run("prepared query", func(t *testing.T) {
		if code, body := c1.send("POST", "/v1/query", `{"Name":"w","Service":{"Service":"web","Failover":{"NearestN":1}}}`); code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
		if got := c1.api("/v1/query/w/execute"); !strings.Contains(got, `"Datacenter":"dc2","Failovers":1`) || !strings.Contains(got, "192.0.2.7") {
			t.Errorf("the query gives %s", got)
		}
	})

	second.close()
	for range 6 { // whichever server is asked first
		if code, body := c1.send("GET", "/v1/catalog/nodes?dc=dc2&stale", ""); code != http.StatusOK {
			t.Errorf("with a dead server in dc2: %d %s", code, body)
		}
	}
	eventually(t, "a write with a dead server in dc2", func() bool { code, _ := c1.send("PUT", "/v1/kv/awaited?dc=dc2", "news"); return code == http.StatusOK })
	if got := <-blocked; got != "news" {
		t.Errorf("the blocking read ended with %q", got)
	}
}

// namesAbroad asks a daemon of dc1 for the service web, which is in dc2 alone.
func namesAbroad(t *testing.T, d *daemon) {
	t.Helper()
	ask := func(name string, qtype uint16) *dns.Msg {
		t.Helper()
		m, _, err := (&dns.Client{Timeout: 30 * time.Second}).Exchange(new(dns.Msg).SetQuestion(name, qtype), d.dns.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	eventually(t, "the address, whichever server of dc2 is asked", func() bool {
		for range 6 {
			m := ask("web.service.dc2.consul.", dns.TypeA)
			if len(m.Answer) != 1 || !strings.HasSuffix(m.Answer[0].String(), "192.0.2.7") {
				return false
			}
		}
		return true
	})
	m := ask("web.service.dc2.consul.", dns.TypeSRV)
	if len(m.Answer) != 1 || len(m.Extra) != 1 {
		t.Fatalf("SRV: %v", m)
	}
	if target := m.Answer[0].(*dns.SRV).Target; len(ask(target, dns.TypeA).Answer) != 1 {
		t.Errorf("the target %s does not resolve alone", target)
	}
	var codes []int
	for _, name := range []string{"web.service.dc9.consul.", "none.service.dc2.consul.", "web.service.consul."} {
		codes = append(codes, ask(name, dns.TypeA).Rcode)
	}
	if want := []int{dns.RcodeNameError, dns.RcodeNameError, dns.RcodeNameError}; !slices.Equal(codes, want) {
		t.Errorf("answered with the codes %v, want %v", codes, want)
	}
}
