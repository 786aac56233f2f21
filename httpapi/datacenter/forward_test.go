package datacenter

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// roads leads to servers on loopback.
type roads map[string][]string

func (r roads) Gateways(dc string) []string { return r[dc] }

func (r roads) Hand(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// server is a server of another datacenter, and where it listens.
func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// nobody is an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func forwarder(t *testing.T, ways roads) *Forwarder {
	t.Helper()
	f := New("dc1", ways, func() []string { return []string{"dc1", "dc2"} }, slog.New(slog.DiscardHandler))
	t.Cleanup(f.Close)
	return f
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Consul-Index", "7")
	w.WriteHeader(http.StatusConflict)
	_, _ = io.WriteString(w, r.Method+" "+r.URL.EscapedPath()+" "+r.URL.RawQuery+" "+r.Header.Get("X-Consul-Token")+" "+string(b))
}

// hangUp ends the connection of a request without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestForward(t *testing.T) {
	up, down := server(t, echo), nobody(t)
	broken := server(t, hangUp)
	for name, test := range map[string]struct {
		servers []string
		method  string
		want    string // the answer, or the error behind "!"
		code    cluster.Code
	}{
		"a read":                         {[]string{up}, "GET", "GET /v1/kv/a%2Fb//c dc=dc2&raw= secret body", 0},
		"a write":                        {[]string{up}, "PUT", "PUT /v1/kv/a%2Fb//c dc=dc2&raw= secret body", 0},
		"the first server is down":       {[]string{down, up}, "PUT", "PUT /v1/kv/a%2Fb//c dc=dc2&raw= secret body", 0},
		"a write breaks":                 {[]string{broken, up}, "PUT", "!what was asked of datacenter \"dc2\" may or may not have been done there", cluster.Unknown},
		"all are down":                   {[]string{down, down}, "PUT", "!No path to datacenter: \"dc2\": none of its servers takes the request", cluster.Unavailable},
		"none is alive":                  {nil, "GET", "!No path to datacenter: \"dc2\": none of its servers is alive", cluster.Unavailable},
		"every server breaks the answer": {[]string{broken}, "GET", "!No path to datacenter: \"dc2\": no answer came", cluster.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "/v1/kv/a%2Fb//c?raw", strings.NewReader("body"))
			r.Header.Set("X-Consul-Token", "secret")
			w := httptest.NewRecorder()
			w.Header().Set("X-Ours", "1")
			err := forwarder(t, roads{"dc2": test.servers}).Forward(w, r, "dc2")
			if why, refused := strings.CutPrefix(test.want, "!"); refused {
				if err == nil || !strings.HasPrefix(err.Error(), why) || cluster.CodeOf(err) != test.code || w.Body.Len() != 0 || w.Header().Get("X-Ours") == "" {
					t.Errorf("error %v of code %v after %q", err, cluster.CodeOf(err), w.Body)
				}
				return
			}
			if err != nil || w.Body.String() != test.want || w.Code != http.StatusConflict || w.Header().Get("X-Consul-Index") != "7" || w.Header().Get("X-Ours") != "" {
				t.Errorf("%v, %d %v %q, want %q", err, w.Code, w.Header(), w.Body, test.want)
			}
		})
	}
}

// stopping answers as an agent that is about to end.
func stopping(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "this agent is stopping: ask another", http.StatusServiceUnavailable)
}

// TestReadIsTriedAgain holds that a read whose servers hang up or stop is answered by the next.
func TestReadIsTriedAgain(t *testing.T) {
	w := httptest.NewRecorder()
	err := forwarder(t, roads{"dc2": {server(t, hangUp), server(t, stopping), server(t, echo)}}).Forward(w, httptest.NewRequest("GET", "/v1/kv/a", http.NoBody), "dc2")
	if err != nil || w.Body.String() != "GET /v1/kv/a dc=dc2  " {
		t.Errorf("%v, %q", err, w.Body)
	}
}

// TestUnknownDatacenter holds that a datacenter that nobody has heard of is told from one that does not answer.
func TestUnknownDatacenter(t *testing.T) {
	err := forwarder(t, roads{}).Forward(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/kv/a", http.NoBody), "dc9")
	if cluster.CodeOf(err) != cluster.NotFound || err.Error() != `No path to datacenter: "dc9": it is not known here; known are dc1, dc2` {
		t.Errorf("%v", err)
	}
}

// TestBlockingReadEndsWithItsClient holds that the other side learns when a client gives up.
func TestBlockingReadEndsWithItsClient(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	blocks := server(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(over)
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	f := forwarder(t, roads{"dc2": {blocks}})
	go func() {
		done <- f.Forward(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/kv/a?index=9", http.NoBody).WithContext(ctx), "dc2")
	}()
	<-asked
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the read ended with %v", err)
	}
	select {
	case <-over:
	case <-time.After(30 * time.Second):
		t.Error("the other side still works on it")
	}
}

func TestArrivals(t *testing.T) {
	h := Arrivals(http.HandlerFunc(echo))
	for path, want := range map[string]int{
		"/v1/kv/a?dc=dc1":                     http.StatusConflict,
		"/v1/kv/a":                            http.StatusForbidden,
		"/v1/agent/service/register?dc=dc1":   http.StatusForbidden,
		"/v1/%61gent/service/register?dc=dc1": http.StatusForbidden,
		"/debug/pprof/heap?dc=dc1":            http.StatusForbidden,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, http.NoBody))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// TestDatacenters holds whom an agent asks that is in no pool with other datacenters.
func TestDatacenters(t *testing.T) {
	knows := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/v1/catalog/datacenters?dc=dc1" {
			http.Error(w, r.URL.String(), http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `["dc1","dc3"]`)
	})
	strange := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `["dc3"]`) })
	for name, test := range map[string]struct {
		servers []string
		want    []string
	}{
		"a server knows":        {[]string{nobody(t), knows}, []string{"dc1", "dc3"}},
		"nobody knows":          {nil, []string{"dc1"}},
		"a server that is down": {[]string{nobody(t)}, []string{"dc1"}},
		"a strange answer":      {[]string{strange}, []string{"dc1"}},
	} {
		f := New("dc1", roads{"dc1": test.servers}, nil, slog.New(slog.DiscardHandler))
		if got := f.Datacenters(t.Context()); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		f.Close()
	}
}

const answered = `[{"Node":{"ID":"i","Node":"n1","Address":"10.0.0.1","Datacenter":"dc2","Meta":{"rack":"r"}},
	"Service":{"ID":"web1","Service":"web","Tags":["v1"],"Port":80,"Weights":{"Passing":3,"Warning":1},"Proxy":{"Mode":""},"Connect":{}},
	"Checks":[{"Node":"n1","CheckID":"a","Status":"passing"},{"CheckID":"b","Status":"dazzled"}]}]`

func TestInstances(t *testing.T) {
	ask := ""
	f := forwarder(t, roads{"dc2": {server(t, func(w http.ResponseWriter, r *http.Request) {
		ask = r.URL.String()
		_, _ = io.WriteString(w, answered)
	})}})
	got, err := f.Instances(t.Context(), "dc2", "web/a b")
	if err != nil || len(got) != 1 || ask != "/v1/health/service/web/a%20b?dc=dc2&stale=" {
		t.Fatalf("%v, %v, asked %s", got, err, ask)
	}
	i := got[0]
	if i.Node.Name != "n1" || i.Node.Datacenter != "dc2" || i.Node.Meta["rack"] != "r" || i.Service.Name != "web" || i.Service.Port != 80 || i.Service.Weights.Passing != 3 ||
		len(i.Checks) != 2 || i.Checks[0].Status != cluster.Passing || i.Checks[1].Status != cluster.Critical {
		t.Errorf("read %+v %+v %+v", i.Node, i.Service, i.Checks)
	}
	if _, err := f.Instances(t.Context(), "dc9", "web"); cluster.CodeOf(err) != cluster.NotFound {
		t.Errorf("in a datacenter that nobody knows: %v", err)
	}
}

// FuzzInstances holds that no answer of another datacenter gives an instance without a node, a service or a state.
func FuzzInstances(f *testing.F) {
	f.Add([]byte(answered))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"Node":{},"Service":{}}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := decodeInstances(b)
		if err != nil {
			return
		}
		for _, i := range all {
			if i.Node.Name == "" || i.Service.Name == "" || slices.ContainsFunc(i.Checks, func(c *cluster.Check) bool { return !c.Status.Valid() }) {
				t.Errorf("read %+v %+v", i.Node, i.Service)
			}
		}
	})
}
