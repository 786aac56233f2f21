package exchange

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/cluster"
)

func TestParse(t *testing.T) {
	for target, want := range map[string]cluster.QueryOptions{
		"/v1/kv/a":                             {},
		"/v1/kv/a?stale":                       {Consistency: cluster.Stale},
		"/v1/kv/a?stale=":                      {Consistency: cluster.Stale},
		"/v1/kv/a?consistent":                  {Consistency: cluster.Consistent},
		"/v1/kv/a?index=7&wait=2.99s":          {MinIndex: 7, MaxWait: 2990 * time.Millisecond},
		"/v1/kv/a?index=&wait=":                {},
		"/v1/kv/a?index=7&wait=1h":             {MinIndex: 7, MaxWait: cluster.MaxWait},
		"/v1/kv/a?index=7&wait=-1s":            {MinIndex: 7},
		"/v1/kv/a?index=18446744073709551615":  {MinIndex: 1<<64 - 1},
		"/v1/kv/a?token=t":                     {Token: "t"},
		"/v1/kv/a?dc=dc1&ns=&partition=&ns=":   {},
		"/v1/kv/a?dc=DC1&ns=default":           {},
		"/v1/kv/a?partition=default&unknown=1": {},
		"/v1/agent/services?dc=elsewhere":      {},
	} {
		r, err := parseAs(nil, httptest.NewRequest("GET", target, nil))
		if want.MaxWait == 0 {
			want.MaxWait = cluster.DefaultWait
		}
		if err != nil {
			t.Errorf("%s: %v", target, err)
		} else if d := cmp.Diff(want, r.Options); d != "" {
			t.Errorf("%s: %s", target, d)
		}
	}
}

// TestWaits holds that an agent's own bounds count, also above Consul's.
func TestWaits(t *testing.T) {
	for _, c := range []struct {
		cfg    Config
		target string
		want   time.Duration
	}{
		{Config{DefaultWait: 2 * time.Second}, "/", 2 * time.Second},
		{Config{DefaultWait: 2 * time.Second}, "/?wait=0", 2 * time.Second},
		{Config{DefaultWait: 2 * time.Second}, "/?wait=3s", 3 * time.Second},
		{Config{MaxWait: time.Second}, "/", time.Second},
		{Config{MaxWait: time.Second}, "/?wait=3s", time.Second},
		{Config{MaxWait: time.Hour}, "/?wait=30m", 30 * time.Minute},
		{Config{MaxWait: time.Hour}, "/", cluster.DefaultWait},
	} {
		r, err := NewFront(c.cfg, slog.New(slog.DiscardHandler)).parse(nil, httptest.NewRequest("GET", c.target, nil))
		if err != nil || r.Options.MaxWait != c.want {
			t.Errorf("%+v, %s: %s, %v; want %s", c.cfg, c.target, r.Options.MaxWait, err, c.want)
		}
	}
}

func TestToken(t *testing.T) {
	for _, c := range []struct {
		target  string
		headers []string
		want    string
	}{
		{"/", nil, ""},
		{"/", []string{"X-Consul-Token", "a"}, "a"},
		{"/", []string{"Authorization", "Bearer b"}, "b"},
		{"/", []string{"Authorization", "bearer  b"}, "b"},
		{"/", []string{"Authorization", "Basic b"}, ""},
		{"/?token=c", []string{"X-Consul-Token", "a"}, "c"},
		{"/", []string{"X-Consul-Token", "a", "Authorization", "Bearer b"}, "a"},
	} {
		r := httptest.NewRequest("GET", c.target, nil)
		for i := 0; i+1 < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		if got := token(r, r.URL.Query()); got != c.want {
			t.Errorf("%s %q: token %q, want %q", c.target, c.headers, got, c.want)
		}
	}
}

// FuzzParse holds that no query string makes the parser panic, and that what it takes is in bounds.
func FuzzParse(f *testing.F) {
	for _, q := range []string{"index=1&wait=2.5s", "stale&consistent", "wait=-1s", "%zz", "index=99999999999999999999", "ns=default&dc=dc1", "a;b", "wait=1e9h"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/v1/kv/a", nil)
		r.URL.RawQuery = query
		req, err := parseAs(nil, r)
		if err != nil {
			if s := statusOf(err); s != 400 && s != 500 && s != 501 {
				t.Fatalf("%q: status %d", query, s)
			}
			return
		}
		if req.Options.MaxWait <= 0 || req.Options.MaxWait > cluster.MaxWait {
			t.Fatalf("%q: a wait of %s", query, req.Options.MaxWait)
		}
	})
}

// parseAs reads a request as an agent of datacenter dc1 does.
func parseAs(w http.ResponseWriter, r *http.Request) (*Request, error) {
	return NewFront(Config{Datacenter: "dc1"}, slog.New(slog.DiscardHandler)).parse(w, r)
}
