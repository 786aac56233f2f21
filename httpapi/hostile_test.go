package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// speak sends bytes as they are, and gives the first answer.
func (s *testServer) speak(t *testing.T, text string) (status int, body string, header http.Header) {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	go func() { _, _ = io.WriteString(c, text) }() // the server may stop reading somewhere within
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("%.60q is not answered: %v", text, err)
		return 0, "", nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("the answer to %.60q: %v", text, err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// TestOddRequests holds what a client gets that speaks HTTP in an unusual way, or not quite.
func TestOddRequests(t *testing.T) {
	m := newMember().populate(t)
	s := newTestServer(t, m.handler(func(c *Config) { c.KVMaxValueSize = 1000 }), Limits{ConnsPerClient: 100})
	const leader = `"10.0.0.1:8300"`
	for _, c := range []struct {
		name, text string
		status     int
		want       string // the beginning of the body
	}{
		{"HTTP/1.0", "GET /v1/status/leader HTTP/1.0\r\n\r\n", 200, leader},
		{"HTTP/1.0 with a body", "PUT /v1/kv/odd HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", 200, "true"},
		{"no host", "GET /v1/status/leader HTTP/1.1\r\n\r\n", 400, "400 Bad Request: missing required Host header"},
		{"an absolute target", "GET http://x/v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n", 200, leader},
		{"an upgrade", "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200, leader},
		{"an unknown method", "FROB /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method FROB is not allowed here: use GET, HEAD"},
		{"an unknown expectation", "PUT /v1/kv/odd HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\nx", 417, ""},
		{"two lengths", "PUT /v1/kv/none HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy", 400, "400 Bad Request"},
		{"a negative length", "PUT /v1/kv/none HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "400 Bad Request"},
		{"an unknown encoding", "PUT /v1/kv/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "Unsupported transfer encoding"},
		{"a bad chunk", "PUT /v1/kv/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "the body did not arrive whole: invalid byte in chunk length"},
		{"chunks without end", "PUT /v1/kv/none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 4000), 413, "the value of key"},
		{"chunks without end where none are wanted", "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 4000), 413, "the body, which GET does not want,"},
		{"a body that is too long by what it says", "PUT /v1/kv/none HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413, `the value of key "none" has 1001 bytes`},
		{"a GET with a body", "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200, leader},
		{"many headers", "GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a: b\r\n", 30_000) + "\r\n", 431, "431 Request Header Fields Too Large"},
		{"a long target", "GET /v1/kv/" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "431 Request Header Fields Too Large"},
		{"a parameter twice", "GET /v1/kv/a?raw&index=1&index=x&wait=1s&wait=x HTTP/1.1\r\nHost: x\r\n\r\n", 200, "one"},
		{"a query that is not one", "GET /v1/kv/a?%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, `the query string "%zz" cannot be read`},
		{"a long path that is none", "GET /v1/" + strings.Repeat("x", 10_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is no endpoint /v1/xxx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body, header := s.speak(t, c.text)
			if status != c.status || !strings.HasPrefix(body, c.want) {
				t.Errorf("%d %.200q, want %d %q", status, body, c.status, c.want)
			}
			if status == 404 && len(body) > 500 {
				t.Errorf("the answer repeats %d bytes of the question", len(body))
			}
			if status >= 400 && !strings.HasPrefix(header.Get("Content-Type"), "text/plain") && len(body) > 0 {
				t.Errorf("an error of the type %q", header.Get("Content-Type"))
			}
		})
	}
	if m.store.View().KVGet("none") != nil {
		t.Error("something was written that did not arrive whole")
	}
}

// TestExpectContinue holds that a client that asks first is told to go on.
func TestExpectContinue(t *testing.T) {
	m := newMember()
	s := newTestServer(t, m.handler(), Limits{})
	c := s.dial(t)
	r := bufio.NewReader(c)
	fmt.Fprint(c, "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("the client is told %q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	fmt.Fprint(c, "abc")
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
	if e := m.store.View().KVGet("a"); e == nil || string(e.Value) != "abc" {
		t.Errorf("stored: %v", e)
	}
}

// TestPipelined sends many requests at once, writes among them: the answers come in their order.
func TestPipelined(t *testing.T) {
	s := newTestServer(t, newMember().handler(), Limits{})
	c := s.dial(t)
	const n = 50
	go func() {
		for i := range n {
			fmt.Fprintf(c, "PUT /v1/kv/p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n%04dGET /v1/kv/p?raw HTTP/1.1\r\nHost: x\r\n\r\n", i)
		}
	}()
	r := bufio.NewReader(c)
	for i := range n {
		for _, want := range []string{"true", fmt.Sprintf("%04d", i)} {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); err != nil || string(b) != want {
				t.Fatalf("answer %d is %q (%v), want %q", i, b, err, want)
			}
		}
	}
}

// TestHeadEverywhere holds that HEAD answers what GET does, without the body.
func TestHeadEverywhere(t *testing.T) {
	m := newMember().populate(t)
	s := newTestServer(t, m.handler(), Limits{})
	for _, target := range []string{
		"/v1/kv/a", "/v1/kv/a?raw", "/v1/kv/none", "/v1/kv/?keys", "/v1/catalog/nodes", "/v1/catalog/service/web", "/v1/health/service/web?passing", "/v1/agent/self", "/v1/agent/services",
		"/v1/status/leader", "/v1/session/list", "/v1/failover/groups", "/v1/none",
	} {
		line := " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
		wantStatus, body, want := s.speak(t, "GET"+line)
		c := s.dial(t)
		fmt.Fprint(c, "HEAD"+line)
		b, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), &http.Request{Method: http.MethodHead})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != wantStatus || !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
			t.Errorf("HEAD %s: %d, want %d, and no body: %q", target, resp.StatusCode, wantStatus, b)
		}
		for _, name := range []string{"Content-Type", "X-Consul-Index", "X-Rack"} {
			if resp.Header.Get(name) != want.Get(name) {
				t.Errorf("HEAD %s: %s is %q, GET has %q", target, name, resp.Header.Get(name), want.Get(name))
			}
		}
		if length := resp.Header.Get("Content-Length"); wantStatus == 200 && length != strconv.Itoa(len(body)) {
			t.Errorf("HEAD %s: Content-Length %s, the body of GET has %d", target, length, len(body))
		}
	}
}

// TestBodyThatNeverComes holds that nobody waits for a body for ever, whether the endpoint wants one or not.
func TestBodyThatNeverComes(t *testing.T) {
	m := newMember().populate(t)
	s := newTestServer(t, m.handler(func(c *Config) { c.BodyTimeout = 100 * time.Millisecond }), Limits{})
	for line, want := range map[string]int{
		"PUT /v1/kv/slow": 408, "PUT /v1/txn": 408, "PUT /v1/agent/service/register": 408, "PUT /v1/session/create": 408, "PUT /v1/snapshot": 0,
		"PUT /v1/session/destroy/none": 200, "GET /v1/status/leader": 408, "GET /v1/kv/a?index=11&wait=10m": 408, "POST /v1/kv/a": 405, "PUT /v1/none": 404, "GET /v1/kv/a?wait=x": 400,
	} {
		c := s.dial(t)
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", line)
		b, err := io.ReadAll(c) // to the end of the connection: nothing can follow on it
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if want != 0 && !strings.HasPrefix(string(b), fmt.Sprintf("HTTP/1.1 %d ", want)) {
			t.Errorf("%s is answered %.200q, want %d", line, b, want)
		}
	}
	if m.store.View().KVGet("slow") != nil {
		t.Error("half a value was stored")
	}
}

// TestSlowBodyThatArrives sends a body in pieces on a connection that is used again and then waits longer than a body may take: the limit is of the body
// alone.
func TestSlowBodyThatArrives(t *testing.T) {
	m := newMember()
	s := newTestServer(t, m.handler(func(c *Config) { c.BodyTimeout = time.Second }), Limits{})
	c := s.dial(t)
	r := bufio.NewReader(c)
	for range 2 {
		fmt.Fprint(c, "PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 3 {
			fmt.Fprint(c, "1\r\nx\r\n")
		}
		fmt.Fprint(c, "0\r\n\r\nGET /v1/kv/none?index=1&wait=1200ms HTTP/1.1\r\nHost: x\r\n\r\n")
		for _, want := range []int{200, 404} {
			resp, err := http.ReadResponse(r, nil)
			if err != nil || resp.StatusCode != want {
				t.Fatalf("%v, %v, want %d", resp, err, want)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		}
	}
}

// TestClientThatDoesNotRead asks for more and more and takes nothing: the connection ends.
func TestClientThatDoesNotRead(t *testing.T) {
	m := newMember()
	m.apply(t, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "k", Value: make([]byte, 16<<10)}})
	s := newTestServer(t, m.handler(), Limits{ConnsPerClient: 10, WriteTimeout: 300 * time.Millisecond})
	c := s.dial(t)
	request := []byte(strings.Repeat("GET /v1/kv/k?raw HTTP/1.1\r\nHost: x\r\n\r\n", 100))
	for {
		if _, err := c.Write(request); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the server goes on taking requests from a client that reads nothing")
			}
			return
		}
	}
}

// TestHalfClosed holds that a client which has said everything and closed its direction still has its answer.
func TestHalfClosed(t *testing.T) {
	m := newMember().populate(t)
	slow := func(ctx context.Context) { // long enough for the end of the client's side to be seen
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	h := New(m.config(), Deps{Reader: &slowMember{m, slow}, Writer: &slowMember{m, slow}, Sessions: m, Pool: m, Raft: m, Registry: &m.local, Failover: m}, discard)
	s := newTestServer(t, h, Limits{})
	for line, want := range map[string]string{"PUT /v1/kv/half": "true", "GET /v1/kv/a?raw": "one", "DELETE /v1/kv/b?recurse": "true"} {
		c := s.dial(t)
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\n\r\n", line)
		_ = c.(*net.TCPConn).CloseWrite()
		if status, body := readReply(t, c); status != 200 || body != want {
			t.Errorf("%s of a half-closed connection: %d %s", line, status, body)
		}
	}
}

// slowMember is a member that takes its time and minds the context.
type slowMember struct {
	*member
	slow func(context.Context)
}

func (m *slowMember) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	m.slow(ctx)
	if ctx.Err() != nil {
		return cluster.QueryMeta{}, cluster.ErrNoLeader
	}
	return m.member.Query(ctx, opts, fn)
}

func (m *slowMember) Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error) {
	m.slow(ctx)
	if ctx.Err() != nil {
		return nil, cluster.Errorf(cluster.Unknown, "it may still succeed")
	}
	return m.member.Apply(ctx, opts, cmd)
}

// TestManyPolls holds that hundreds of polls wait at once, all wake for one write, and all end when their clients go.
func TestManyPolls(t *testing.T) {
	m := newMember().populate(t)
	var waiting atomic.Int64
	h := New(m.config(), Deps{Reader: &countedReader{m, &waiting}, Writer: m}, discard)
	s := newTestServer(t, h, Limits{})
	const n = 400
	open := func(target string) (conns []net.Conn) {
		for range n {
			c := s.dial(t)
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target)
			conns = append(conns, c)
		}
		eventually(t, "every poll waits", func() bool { return waiting.Load() == n })
		return conns
	}
	conns := open("/v1/kv/later?index=1&wait=10m")
	if status, _ := s.raw(t, "PUT /v1/kv/later", "x"); status != 200 {
		t.Fatalf("the write is answered %d", status)
	}
	for _, c := range conns {
		if status, body := readReply(t, c); status != 200 || !strings.Contains(body, "later") {
			t.Fatalf("a poll is answered %d %s", status, body)
		}
		_ = c.Close()
	}
	for _, c := range open("/v1/kv/never?index=1&wait=10m") {
		_ = c.Close()
	}
	eventually(t, "the polls of clients that are gone end", func() bool { return waiting.Load() == 0 })
}

// countedReader counts the reads that wait.
type countedReader struct {
	*member
	waiting *atomic.Int64
}

func (r *countedReader) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	return r.member.Query(ctx, opts, fn)
}
