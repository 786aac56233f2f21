package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// poll starts a request and gives its answer when it comes.
func poll(t *testing.T, h http.Handler, target string) <-chan *httptest.ResponseRecorder {
	t.Helper()
	done := make(chan *httptest.ResponseRecorder, 1)
	go func() { done <- send(t, h, "GET "+target, "") }()
	return done
}

func (m *member) put(t *testing.T, key, value string) {
	t.Helper()
	m.apply(t, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte(value)}})
}

// TestBlocking holds which write wakes which reader, and that the index it answers is the new one.
func TestBlocking(t *testing.T) {
	for _, c := range []struct {
		target  string
		other   cluster.Command // does not wake it
		wakes   cluster.Command
		status  int
		unknown bool // what it asks for does not exist before
	}{
		{target: "/v1/kv/a", other: kvSet("z"), wakes: kvSet("a"), status: 200},
		{target: "/v1/kv/none", other: kvSet("z"), wakes: kvSet("none"), status: 200},
		{target: "/v1/kv/a", other: kvSet("z"), wakes: &cluster.KVWrite{Verb: cluster.KVDelete, Entry: cluster.KVEntry{Key: "a"}}, status: 404},
		{target: "/v1/kv/a?recurse", other: kvSet("z"), wakes: kvSet("a/new"), status: 200},
		{target: "/v1/kv/a?keys", other: kvSet("z"), wakes: &cluster.KVWrite{Verb: cluster.KVDeleteTree, Entry: cluster.KVEntry{Key: "a/"}}, status: 200},
		{target: "/v1/catalog/nodes", other: kvSet("z"), wakes: &cluster.Register{Node: cluster.Node{Name: "n9", Address: "10.0.0.9"}}, status: 200},
		{target: "/v1/catalog/services", other: kvSet("z"), wakes: service("other"), status: 200},
		{target: "/v1/catalog/service/web", other: service("other"), wakes: &cluster.Deregister{Node: "n2", ServiceID: "web"}, status: 200},
		{target: "/v1/health/service/web?passing", other: service("other"), wakes: warn("n1", "service:web-1"), status: 200},
		{target: "/v1/health/service/none", other: kvSet("z"), wakes: service("none"), status: 200},
		{target: "/v1/health/state/critical", other: kvSet("z"), wakes: fail("n2", "service:web"), status: 200},
		{target: "/v1/health/node/n2", other: warn("n1", "service:web-1"), wakes: fail("n2", "service:web"), status: 200},
		{target: "/v1/health/node/n1", other: &cluster.Register{Node: cluster.Node{Name: "n1"}, SkipNodeUpdate: true, Service: &cluster.Service{ID: "other", Name: "other"}}, wakes: warn("n1", "service:web-1"), status: 200},
		{target: "/v1/coordinate/nodes", other: kvSet("z"), wakes: coordinates("n1", 0.5), status: 200},
		{target: "/v1/coordinate/node/n2", other: coordinates("n1", 0.5), wakes: coordinates("n2", 0.5), status: 200},
		{target: "/v1/coordinate/node/n2", other: service("other"), wakes: &cluster.Deregister{Node: "n2"}, status: 404},
		{target: "/v1/catalog/nodes?near=n1", other: coordinates("n1", 0.5), wakes: &cluster.Deregister{Node: "n2"}, status: 200},
		{target: "/v1/query", other: kvSet("z"), wakes: &cluster.DeletePreparedQuery{ID: "00000000-0000-0000-0000-00000000000c"}, status: 200},
		{target: "/v1/query/00000000-0000-0000-0000-00000000000b", other: &cluster.DeletePreparedQuery{ID: "00000000-0000-0000-0000-00000000000c"}, wakes: &cluster.SessionDestroy{ID: "00000000-0000-0000-0000-00000000000a"}, status: 404},
		{target: "/v1/session/list", other: kvSet("z"), wakes: &cluster.SessionDestroy{ID: "00000000-0000-0000-0000-00000000000a"}, status: 200},
		{target: "/v1/failover/group/gateway", other: kvSet("z"), wakes: &cluster.DeleteGroup{Name: "gateway"}, status: 404},
		{target: "/v1/failover/timeline", other: kvSet("z"), wakes: &cluster.Record{Transitions: []cluster.Transition{{Kind: cluster.TransitionHook, Group: "gateway"}}}, status: 200},
	} {
		t.Run(c.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMember().populate(t)
				h := m.handler()
				before := send(t, h, "GET "+c.target, "").Header().Get("X-Consul-Index")
				sign := "?"
				if strings.Contains(c.target, "?") {
					sign = "&"
				}
				done := poll(t, h, c.target+sign+"wait=1m&index="+before)
				synctest.Wait()
				m.apply(t, c.other)
				synctest.Wait()
				if len(done) > 0 {
					t.Fatalf("it came back before anything had happened: %v", (<-done).Header())
				}
				m.apply(t, c.wakes)
				synctest.Wait()
				if len(done) == 0 {
					t.Fatal("it does not come back")
				}
				w := <-done
				if w.Code != c.status {
					t.Errorf("status %d, want %d", w.Code, c.status)
				}
				if c.status == 200 && w.Header().Get("X-Consul-Index") != strconv.FormatUint(m.index, 10) {
					t.Errorf("index %s, want %d", w.Header().Get("X-Consul-Index"), m.index)
				}
			})
		})
	}
}

func kvSet(key string) cluster.Command {
	return &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: key, Value: []byte("new")}}
}

func service(name string) cluster.Command {
	return &cluster.Register{Node: cluster.Node{Name: "n9", Address: "10.0.0.9"}, Service: &cluster.Service{ID: name, Name: name}}
}

func warn(node, id string) cluster.Command { return checkIs(node, id, cluster.Warning) }

func fail(node, id string) cluster.Command { return checkIs(node, id, cluster.Critical) }

func checkIs(node, id string, s cluster.Status) cluster.Command {
	serviceID := strings.TrimPrefix(id, "service:")
	return &cluster.Register{
		Node: cluster.Node{Name: node}, SkipNodeUpdate: true,
		Checks: []*cluster.Check{{ID: id, Name: "c", Status: s, ServiceID: serviceID}},
	}
}

// TestBlockingEnds holds that a wait without news ends with the old index, also one with a fraction.
func TestBlockingEnds(t *testing.T) {
	for wait, want := range map[string]time.Duration{"2.99s": 2990 * time.Millisecond, "10m": 10 * time.Minute, "300ms": 300 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			m := newMember().populate(t)
			begin := time.Now()
			w := send(t, m.handler(), "GET /v1/kv/a?index=5&wait="+wait, "")
			if got := time.Since(begin); got != want {
				t.Errorf("wait=%s lasted %s", wait, got)
			}
			if w.Code != 200 || w.Header().Get("X-Consul-Index") != "5" {
				t.Errorf("wait=%s: %d with index %s", wait, w.Code, w.Header().Get("X-Consul-Index"))
			}
		})
	}
}

// TestHangUp holds that a client who goes ends its poll, and that one who stays learns of a server that closes.
func TestHangUp(t *testing.T) {
	m := newMember().populate(t)
	polls := make(chan struct{}, 8)
	ended := make(chan error, 8)
	h := New(m.config(), Deps{Reader: readerFunc(func(ctx context.Context) error {
		polls <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})}, discard)
	s := newTestServer(t, h, Limits{})
	gone, stays := s.dial(t), s.dial(t)
	fmt.Fprint(gone, "GET /v1/kv/a?index=9 HTTP/1.1\r\nHost: x\r\n\r\n")
	receive(t, polls, "the poll begins")
	_ = gone.Close()
	receive(t, ended, "the poll of a client that is gone ends")
	fmt.Fprint(stays, "GET /v1/kv/a?index=9 HTTP/1.1\r\nHost: x\r\n\r\n")
	receive(t, polls, "the second poll begins")
	go func() { _ = s.Close() }()
	receive(t, ended, "a poll ends with the server")
	if status, body := readReply(t, stays); status != 503 || !strings.Contains(body, "stopping") {
		t.Errorf("the client that stays is answered %d %s, want 503", status, body)
	}
}

func receive[T any](t *testing.T, ch <-chan T, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(15 * time.Second):
		t.Fatalf("%s: it does not", what)
	}
}

func TestNoLeader(t *testing.T) {
	m := newMember().populate(t)
	m.setLeader("")
	h := m.handler()
	talks(t, h, []talk{
		{"GET /v1/kv/a", "", 500, "No cluster leader"},
		{"GET /v1/kv/a?consistent", "", 500, "No cluster leader"},
		{"GET /v1/kv/a?stale&raw", "", 200, "one"},
		{"GET /v1/status/leader", "", 200, `""`},
		{"GET /v1/catalog/nodes", "", 500, "No cluster leader"},
	})
	if got := send(t, h, "GET /v1/kv/a?stale", "").Header().Get("X-Consul-KnownLeader"); got != "false" {
		t.Errorf("X-Consul-KnownLeader is %q without a leader", got)
	}
	m.noWrite = cluster.ErrNoLeader
	talks(t, h, []talk{
		{"PUT /v1/kv/a", "x", 500, "No cluster leader"},
		{"PUT /v1/kv/a?acquire=s", "x", 500, "No cluster leader"},
		{"PUT /v1/session/create", "", 500, "No cluster leader"},
	})
}

// TestErrors holds the one mapping of codes to statuses.
func TestErrors(t *testing.T) {
	m := newMember()
	h := m.handler()
	for err, want := range map[error]int{
		errors.New("disk on fire"):                    500,
		cluster.Errorf(cluster.Invalid, "x"):          400,
		cluster.Errorf(cluster.NotFound, "x"):         404,
		cluster.Errorf(cluster.Conflict, "x"):         409,
		cluster.Errorf(cluster.NoLeader, "x"):         500,
		cluster.Errorf(cluster.Unknown, "x"):          500,
		cluster.Errorf(cluster.Unauthorized, "x"):     403,
		cluster.Errorf(cluster.Unsupported, "x"):      501,
		cluster.Errorf(cluster.TooLarge, "x"):         413,
		cluster.Errorf(cluster.Unavailable, "x"):      503,
		fmt.Errorf("w: %w", cluster.ErrNoLeader):      500,
		cluster.Errorf(cluster.Code(99), "who knows"): 500,
	} {
		m.noWrite = err
		w := send(t, h, "PUT /v1/kv/a", "x")
		if w.Code != want || w.Body.String() != err.Error() {
			t.Errorf("%v is answered %d %q, want %d", err, w.Code, w.Body, want)
		}
	}
}

// TestBlockingOnContent holds that agent/service waits while the content is what the client has, whatever becomes of other services.
func TestBlockingOnContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newMember().handler()
		register := func(body string) { talks(t, h, []talk{{"PUT /v1/agent/service/register", body, 200, ""}}) }
		register(`{"Name":"web","Port":80}`)
		hash := send(t, h, "GET /v1/agent/service/web", "").Header().Get("X-Consul-ContentHash")
		done := poll(t, h, "/v1/agent/service/web?wait=1m&hash="+hash)
		synctest.Wait()
		register(`{"Name":"db"}`)
		register(`{"Name":"web","Port":80,"Check":{"TTL":"1m"}}`) // the same content
		synctest.Wait()
		if len(done) > 0 {
			t.Fatal("it came back with the same content")
		}
		register(`{"Name":"web","Port":81}`)
		w := <-done
		next := w.Header().Get("X-Consul-ContentHash")
		if w.Code != 200 || next == hash || next == "" || !strings.Contains(w.Body.String(), `"Port":81`) {
			t.Errorf("%d %s, hash %s after %s", w.Code, w.Body, next, hash)
		}

		began := time.Now()
		w = send(t, h, "GET /v1/agent/service/web?wait=16s&hash="+next, "")
		if took := time.Since(began); took < 16*time.Second || took > 17*time.Second || w.Header().Get("X-Consul-ContentHash") != next {
			t.Errorf("the wait ended after %s with %s, want the old answer", took, w.Header().Get("X-Consul-ContentHash"))
		}

		done = poll(t, h, "/v1/agent/service/web?hash="+next)
		synctest.Wait()
		talks(t, h, []talk{{"PUT /v1/agent/service/deregister/web", "", 200, ""}})
		if w := <-done; w.Code != 404 {
			t.Errorf("a service that is gone: %d %s", w.Code, w.Body)
		}
	})
}
