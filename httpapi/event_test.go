package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// events is an agent's user events without gossip: what is fired comes back at once.
type events struct {
	mu      sync.Mutex // guards following
	list    []*cluster.UserEvent
	changed chan struct{}
	tokens  []string
}

func (v *events) FireEvent(opts cluster.WriteOptions, e cluster.UserEvent) (string, error) {
	if err := e.Validate(); err != nil {
		return "", err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	e.ID, e.LTime = fmt.Sprintf("cb9a81ad-fff6-52ac-92a7-%012x", len(v.list)+1), uint64(len(v.list)+1)
	v.list, v.tokens = append(v.list, &e), append(v.tokens, opts.Token)
	if v.changed != nil {
		close(v.changed)
		v.changed = nil
	}
	return e.ID, nil
}

func (v *events) Events() ([]*cluster.UserEvent, <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed == nil {
		v.changed = make(chan struct{})
	}
	return slices.Clone(v.list), v.changed
}

func (v *events) fire(tb testing.TB, e cluster.UserEvent) {
	tb.Helper()
	if _, err := v.FireEvent(cluster.WriteOptions{}, e); err != nil {
		tb.Fatal(err)
	}
}

func TestFireEvent(t *testing.T) {
	m := newMember()
	h := m.handler()
	const fired = `{"ID":"cb9a81ad-fff6-52ac-92a7-000000000001","Name":"deploy/it","Payload":"djI=","NodeFilter":"^web","ServiceFilter":"front","TagFilter":"v[12]","Version":1,"LTime":0}`
	talks(t, h, []talk{
		{"PUT /v1/event/fire/deploy/it?node=%5Eweb&service=front&tag=v%5B12%5D&token=t", "v2", 200, fired},
		{"PUT /v1/event/fire/empty", "", 200, `{"ID":"cb9a81ad-fff6-52ac-92a7-000000000002","Name":"empty","Payload":null,"NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":1,"LTime":0}`},
		{"PUT /v1/event/fire/", "", 400, "Missing name…"},
		{"PUT /v1/event/fire/x?tag=v1", "", 400, "Cannot provide tag filter without service filter…"},
		{"PUT /v1/event/fire/x?node=(", "", 400, `Invalid node filter "("…`},
		{"PUT /v1/event/fire/x?dc=dc2", "", 500, "No path to datacenter…"},
		{"PUT /v1/event/fire/x", strings.Repeat("x", 65<<10), 413, "the payload has 66560 bytes…"},
		{"GET /v1/event/fire/x", "", 405, "method GET is not allowed here…"},
		{"PUT /v1/event/list", "", 405, "method PUT is not allowed here…"},
	})
	if m.events.tokens[0] != "t" || string(m.events.list[0].Payload) != "v2" || len(m.events.list) != 2 {
		t.Errorf("fired %+v with %q", m.events.list, m.events.tokens)
	}
}

func TestListEvents(t *testing.T) {
	m := newMember()
	h := m.handler()
	for _, e := range []cluster.UserEvent{
		{Name: "a"}, {Name: "b", NodeFilter: "web-1"}, {Name: "a", ServiceFilter: "front", TagFilter: "v1"}, {Name: "c", NodeFilter: "db"},
	} {
		m.events.fire(t, e)
	}
	for query, want := range map[string]string{
		"":                        "a b a c",
		"?name=a":                 "a a",
		"?name=A":                 "",
		"?node=%5Eweb":            "b",
		"?service=front":          "a",
		"?service=front&tag=v2":   "",
		"?tag=v&name=a":           "a",
		"?node=.":                 "b c",
		"?name=a&node=%5Eweb-1$":  "",
		"?index=1&wait=10s":       "a b a c", // not the number that it has now
		"?name=none&wait=1ms":     "",
		"?stale&node=&service=&x": "a b a c",
	} {
		w := send(t, h, "GET /v1/event/list"+query, "")
		var got []string
		for part := range strings.SplitSeq(w.Body.String(), `"Name":"`) {
			if name, _, ok := strings.Cut(part, `"`); ok && len(name) == 1 && name != "[" {
				got = append(got, name)
			}
		}
		if s := strings.Join(got, " "); s != want || w.Code != 200 {
			t.Errorf("%s: %d, %q, want %q", query, w.Code, s, want)
		}
	}
	talks(t, h, []talk{{"GET /v1/event/list?tag=(", "", 400, "the parameter tag=( is no regular expression…"}})
}

// TestBlockingEvents holds that a list waits while its number is the client's, whatever happens to events that it does not show.
func TestBlockingEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMember()
		h := m.handler()
		m.events.fire(t, cluster.UserEvent{Name: "a"})
		for _, name := range []string{"a", "none"} {
			target := "/v1/event/list?name=" + name
			before := send(t, h, "GET "+target, "").Header().Get("X-Consul-Index")
			done := poll(t, h, target+"&wait=1m&index="+before)
			synctest.Wait()
			m.events.fire(t, cluster.UserEvent{Name: "other"})
			synctest.Wait()
			if len(done) > 0 {
				t.Fatalf("%s came back without news", target)
			}
			m.events.fire(t, cluster.UserEvent{Name: name})
			w := <-done
			if after := w.Header().Get("X-Consul-Index"); after == before || after == "0" || !strings.Contains(w.Body.String(), `"Name":"`+name+`"`) {
				t.Errorf("%s: %s at %s, before it was %s", target, w.Body, after, before)
			}
		}
		before := send(t, h, "GET /v1/event/list", "").Header().Get("X-Consul-Index")
		began := time.Now()
		w := send(t, h, "GET /v1/event/list?wait=16s&index="+before, "")
		if took := time.Since(began); took < 16*time.Second || took > 17*time.Second || w.Header().Get("X-Consul-Index") != before {
			t.Errorf("the wait ended after %s at %s, want the old number, %s", took, w.Header().Get("X-Consul-Index"), before)
		}
	})
}
