package check

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// serve answers as a path says: a status code, "echo", "flood", "hang" or "redirect".
func serve(w http.ResponseWriter, r *http.Request) {
	switch p := strings.Trim(r.URL.Path, "/"); p {
	case "echo":
		body, _ := io.ReadAll(r.Body) // what came is shown
		fmt.Fprintf(w, "%s host=%s agent=%s x=%s body=%s", r.Method, r.Host, r.Header.Get("User-Agent"), r.Header.Values("X-Probe"), body)
	case "flood":
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	case "hang":
		<-r.Context().Done()
	case "redirect":
		http.Redirect(w, r, "/404", http.StatusFound)
	default:
		code := 200
		_, _ = fmt.Sscan(p, &code) // 200 for none
		w.WriteHeader(code)
		fmt.Fprint(w, "body of "+p)
	}
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(serve))
	defer s.Close()
	for _, x := range []struct {
		path   string
		change func(*cluster.CheckDefinition)
		status cluster.Status
		output string // contained
	}{
		{"/200", nil, cluster.Passing, "HTTP GET " + s.URL + "/200: 200 OK Output: body of 200"},
		{"/204", nil, cluster.Passing, "204 No Content"},
		{"/299", nil, cluster.Passing, ": 299 "},
		{"/304", nil, cluster.Critical, "304 Not Modified"},
		{"/404", nil, cluster.Critical, "404 Not Found Output: body of 404"},
		{"/429", nil, cluster.Warning, "429 Too Many Requests"},
		{"/500", nil, cluster.Critical, "500"},
		{"/redirect", nil, cluster.Critical, "404 Not Found"},
		{"/redirect", func(d *cluster.CheckDefinition) { d.DisableRedirects = true }, cluster.Critical, "302 Found"},
		{"/echo", nil, cluster.Passing, "GET host=" + strings.TrimPrefix(s.URL, "http://") + " agent=Consul Health Check x=[] body="},
		{"/echo", func(d *cluster.CheckDefinition) {
			d.Method, d.Body = "POST", "ping"
			d.Header = map[string][]string{"x-probe": {"a", "b"}, "Host": {"web.example"}, "User-Agent": {"mine"}}
		}, cluster.Passing, "POST host=web.example agent=mine x=[a b] body=ping"},
		{"/echo", func(d *cluster.CheckDefinition) { d.Method = "NOT OK" }, cluster.Critical, "invalid method"},
		{"/flood", nil, cluster.Passing, "Captured 4096 of "},
		{"/hang", nil, cluster.Critical, "deadline exceeded"},
		{"/200", func(d *cluster.CheckDefinition) { d.OutputMaxSize = 3 }, cluster.Passing, "Captured 3 of 11 bytes\n...\n200"},
	} {
		d := cluster.CheckDefinition{HTTP: s.URL + x.path}
		timeout := limit
		if x.path == "/hang" {
			timeout = 50 * time.Millisecond
		}
		if x.change != nil {
			x.change(&d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		r := newHTTPProbe(d, nil).probe(ctx)
		cancel()
		if r.Status != x.status || !strings.Contains(r.Output, x.output) {
			t.Errorf("%s: %s %.200q, want %s %q", x.path, r.Status, r.Output, x.status, x.output)
		}
	}
}

func TestHTTPOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(serve))
	s.Config.ErrorLog = nil
	defer s.Close()
	for skip, want := range map[bool]cluster.Status{false: cluster.Critical, true: cluster.Passing} {
		r := newHTTPProbe(cluster.CheckDefinition{HTTP: s.URL + "/200", TLSSkipVerify: skip}, nil).probe(t.Context())
		if r.Status != want {
			t.Errorf("skipping the verification %v: %s %q, want %s", skip, r.Status, r.Output, want)
		}
	}
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if r := (&tcp{addr: addr}).probe(t.Context()); r.Status != cluster.Passing || r.Output != "TCP connect "+addr+": Success" {
		t.Errorf("open port: %+v", r)
	}
	_ = l.Close() // it has served
	if r := (&tcp{addr: addr}).probe(t.Context()); r.Status != cluster.Critical || !strings.Contains(r.Output, "refused") {
		t.Errorf("closed port: %+v", r)
	}
}

// TestNew makes each kind of runner through the front door.
func TestNew(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(serve))
	defer s.Close()
	for _, d := range []cluster.CheckDefinition{
		{ID: "http", HTTP: s.URL, Interval: time.Second},
		{ID: "tcp", TCP: s.Listener.Addr().String(), Interval: time.Second},
		{ID: "script", Args: []string{"true"}, Interval: time.Second},
	} {
		await(t, run(t, d), cluster.Passing)
	}
}
