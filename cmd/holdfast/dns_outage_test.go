//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"holdfast/cmd/holdfast/daemontest"
)

// TestDNSThroughOutages first holds that answers follow a check, and then asks three daemons all the time, while two of them are killed and come back, and while one of three is all there is. The one
// that lives through it answers from what it knows; one that was started again gives the right answer or none, and never one from an older
// state.
func TestDNSThroughOutages(t *testing.T) {
	c := daemons(t)
	w := &askers{t: t, members: c.Members}
	w.register("old", "10.9.9.9")
	fill(t, c, 2000) // so that there is much to replay between what was and what is
	for i := range 3 {
		w.register(fmt.Sprintf("db%d", i+1), fmt.Sprintf("10.9.0.%d", i+1))
	}
	w.put("/v1/catalog/deregister", map[string]any{"Node": "old"})
	for _, m := range c.Members {
		daemontest.Await(t, m.Member+" answers", func(ctx context.Context) bool { return w.ask(ctx, m) == right })
	}

	w.follow(c.Others(c.Leader())[0])

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var asking sync.WaitGroup
	for _, m := range c.Members {
		asking.Go(func() { w.keepAsking(ctx, m) })
	}
	leader := c.Leader()
	survivor := c.Others(leader)[0]
	for _, m := range c.Others(survivor) {
		m.Kill()
	}
	w.over(t, survivor, 100) // without a leader
	c.StartAll()
	c.AwaitAll()
	for _, m := range c.Members {
		w.over(t, m, 50)
	}
	if n := w.count(survivor, failure); n > 0 {
		t.Errorf("%s, which was up all the time, gave no answer %d times", survivor.Member, n)
	}

	c.KillAll()
	alone := c.Members[0]
	alone.Start()
	daemontest.Await(t, alone.Member+" says that it does not know", func(context.Context) bool { return w.count(alone, servfail) > 0 })
	if !daemontest.Pause(ctx, 2*time.Second) { // longer than it waits for anything
		t.Fatal("the test is over")
	}
	before := w.count(alone, right)
	c.StartAll()
	c.AwaitAll()
	for _, m := range c.Members {
		w.over(t, m, 50)
	}
	stop()
	asking.Wait()
	t.Logf("%d right answers of %s before it was alone; in all: %v", before, alone.Member, w.seen)
	for _, m := range c.Members {
		if wrong := w.count(m, "wrong"); wrong > 0 {
			t.Errorf("%s gave %d wrong answers: %s", m.Member, wrong, w.wrong)
		}
	}
}

// fill writes keys, so that the log is long.
func fill(t *testing.T, c *daemontest.Cluster, keys int) {
	t.Helper()
	var writers sync.WaitGroup
	for n := range 16 {
		writers.Go(func() {
			for i := range keys / 16 {
				_, err := c.Members[n%3].Put(t.Context(), fmt.Sprintf("fill/%d/%d", n, i), strings.Repeat("x", 4096), "")
				// So many writes may cost the leader of a busy machine its office.
				for deadline := time.Now().Add(daemontest.Limit); err != nil && time.Now().Before(deadline); {
					daemontest.Pause(t.Context(), 20*time.Millisecond)
					_, err = c.Members[n%3].Put(t.Context(), fmt.Sprintf("fill/%d/%d", n, i), strings.Repeat("x", 4096), "")
				}
				if err != nil {
					t.Errorf("fill: %v", err)
					return
				}
			}
		})
	}
	writers.Wait()
}

// What came of a question.
const (
	right    = "right"
	servfail = "SERVFAIL"
	failure  = "no answer"
)

// askers ask members, and count what comes of it.
type askers struct {
	t       *testing.T
	members []*daemontest.Member

	mu    sync.Mutex // guards following
	seen  map[string]map[string]int
	wrong string
}

// register registers an instance of db on a node of its own.
func (w *askers) register(node, address string) {
	w.t.Helper()
	w.put("/v1/catalog/register", map[string]any{"Node": node, "Address": address, "Service": map[string]any{"Service": "db", "Port": 5432}})
}

// followWithin bounds the median time from a check to the answer of the member that it runs on. "make bench" says what it takes: some 2 ms.
const followWithin = time.Second

// follow changes a check of a member, and asks that member until its answer says so.
func (w *askers) follow(m *daemontest.Member) {
	w.t.Helper()
	w.putAt(m, "/v1/agent/service/register", map[string]any{"Name": "follow", "Check": map[string]any{"CheckID": "follow", "TTL": "1h", "Status": "passing"}})
	var took []time.Duration
	for n := range 21 {
		verb, want := "fail", 0
		if n%2 == 0 {
			verb, want = "pass", 1
		}
		began := time.Now()
		w.putAt(m, "/v1/agent/check/"+verb+"/follow", nil)
		daemontest.Await(w.t, "the answer follows the check", func(ctx context.Context) bool {
			client := &dns.Client{Timeout: time.Second}
			got, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion("follow.service.consul.", dns.TypeA), net.JoinHostPort(m.Addr.String(), "8600"))
			return err == nil && len(got.Answer) == want
		})
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	w.t.Logf("answers followed a check in %s (median), %s at most", took[len(took)/2], took[len(took)-1])
	if median := took[len(took)/2]; median > followWithin {
		w.t.Errorf("an answer follows a check in %s, want %s", median, followWithin)
	}
}

func (w *askers) put(path string, body any) {
	w.t.Helper()
	w.putAt(w.members[0], path, body)
}

func (w *askers) putAt(m *daemontest.Member, path string, body any) {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	for status, deadline := "", time.Now().Add(daemontest.Limit); ; daemontest.Pause(w.t.Context(), 20*time.Millisecond) {
		if status = w.try(m, path, b); status == "" {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("PUT %s: %s", path, status)
		}
	}
}

// try sends one PUT, and answers what is wrong with its reply, "" for nothing.
func (w *askers) try(m *daemontest.Member, path string, b []byte) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, m.Base+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	return ""
}

// ask asks a member once: for the service, whose three addresses are known, and for a node that is gone.
func (w *askers) ask(ctx context.Context, m *daemontest.Member) string {
	client := &dns.Client{Timeout: 15 * time.Second}
	server := net.JoinHostPort(m.Addr.String(), "8600")
	got, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion("db.service.consul.", dns.TypeA).SetEdns0(1232, false), server)
	switch {
	case err != nil:
		return failure
	case got.Rcode == dns.RcodeServerFailure:
		return servfail
	}
	var addrs []netip.Addr
	for _, rr := range got.Answer {
		if a, ok := rr.(*dns.A); ok {
			ip, _ := netip.AddrFromSlice(a.A.To4())
			addrs = append(addrs, ip)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	if got.Rcode == dns.RcodeSuccess && fmt.Sprint(addrs) == "[10.9.0.1 10.9.0.2 10.9.0.3]" {
		return right
	}
	return fmt.Sprintf("%s %v", dns.RcodeToString[got.Rcode], addrs)
}

// keepAsking asks a member until ctx ends.
func (w *askers) keepAsking(ctx context.Context, m *daemontest.Member) {
	for daemontest.Pause(ctx, 5*time.Millisecond) {
		got := w.ask(ctx, m)
		if ctx.Err() != nil {
			return
		}
		w.note(m, got)
	}
}

func (w *askers) note(m *daemontest.Member, got string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if got != right && got != servfail && got != failure {
		got, w.wrong = "wrong", got
	}
	if w.seen == nil {
		w.seen = map[string]map[string]int{}
	}
	if w.seen[m.Member] == nil {
		w.seen[m.Member] = map[string]int{}
	}
	w.seen[m.Member][got]++
}

func (w *askers) count(m *daemontest.Member, what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[m.Member][what]
}

// over waits until a member has given so many more right answers.
func (w *askers) over(t *testing.T, m *daemontest.Member, more int) {
	t.Helper()
	want := w.count(m, right) + more
	daemontest.Await(t, m.Member+" answers on", func(context.Context) bool { return w.count(m, right) >= want })
}
