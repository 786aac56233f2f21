package compat

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestErrors: the client turns statuses into errors; programs look at the status and the beginning of the sentence.
func TestErrors(t *testing.T) {
	a := start(t)
	for _, c := range []struct {
		name string
		call func() error
		code int
		text string
	}{
		{"a service mesh", func() error { _, _, err := a.ConfigEntries().Get("service-defaults", "x", nil); return err }, 501, "service mesh"},
		{"another datacenter", func() error { _, _, err := a.Catalog().Nodes(&api.QueryOptions{Datacenter: "dc9"}); return err }, 500, "No path to datacenter"},
		{"a bad filter", func() error { _, _, err := a.Catalog().Nodes(&api.QueryOptions{Filter: "=="}); return err }, 400, "filter"},
		{"an unknown check", func() error { return a.Agent().UpdateTTL("none", "", "pass") }, 404, `Unknown check ID "none"`},
		{"an unknown service", func() error { _, _, err := a.Agent().Service("none", nil); return err }, 404, "unknown service ID: none"},
		{"no service name", func() error { return a.Agent().ServiceRegister(&api.AgentServiceRegistration{}) }, 400, ""},
	} {
		var status api.StatusError
		if err := c.call(); !errors.As(err, &status) || status.Code != c.code || !strings.Contains(status.Body, c.text) {
			t.Errorf("%s: %v, want status %d with %q", c.name, err, c.code, c.text)
		}
	}
}

// TestNoLeader: without a majority reads and writes fail as Consul's do, and stale reads are answered.
func TestNoLeader(t *testing.T) {
	all := startCluster(t, 2)
	a := all[0]
	put(t, a.KV(), "k", "v")
	eventually(t, "the value is here", func() error {
		pair, _, err := a.KV().Get("k", &api.QueryOptions{AllowStale: true})
		if err == nil && pair == nil {
			err = errors.New("not yet")
		}
		return err
	})
	all[1].kill(t)
	eventually(t, "the loss of the majority is noticed", func() error {
		leader, err := a.Status().Leader()
		if err == nil && leader != "" {
			err = errors.New("the leader is " + leader)
		}
		return err
	})
	var status api.StatusError
	if _, _, err := a.KV().Get("k", nil); !errors.As(err, &status) || status.Code != 500 || !strings.Contains(status.Body, "No cluster leader") {
		t.Errorf("a read without a leader: %v", err)
	}
	pair, meta, err := a.KV().Get("k", &api.QueryOptions{AllowStale: true})
	if err != nil || string(pair.Value) != "v" || meta.KnownLeader {
		t.Errorf("a stale read without a leader: %v, %+v, %v", pair, meta, err)
	}
}

// TestTransport: compression, pretty printing, HEAD and the headers that are on every answer.
func TestTransport(t *testing.T) {
	a := start(t)
	put(t, a.KV(), "k", "v")
	get := func(method, path string, header ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.http()+path, nil)
		ok(t, err)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		ok(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	r := get("GET", "/v1/catalog/services", "Accept-Encoding", "gzip")
	if r.Header.Get("Vary") != "Accept-Encoding" || r.Header.Get("X-Consul-Effective-Consistency") == "" || r.Header.Get("X-Consul-LastContact") == "" || r.Header.Get("X-Consul-Default-ACL-Policy") == "" {
		t.Errorf("the headers are %v", r.Header)
	}
	if r := get("HEAD", "/v1/kv/k"); r.StatusCode != 200 || r.Header.Get("X-Consul-Index") == "" {
		t.Errorf("HEAD: %s, %v", r.Status, r.Header)
	}
	if r := get("DELETE", "/v1/catalog/nodes"); r.StatusCode != 405 || r.Header.Get("Allow") == "" {
		t.Errorf("a wrong method: %s, %v", r.Status, r.Header)
	}
	if r := get("GET", "/v1/kv/none"); r.StatusCode != 404 || r.Header.Get("X-Consul-Index") == "0" {
		t.Errorf("a missing key: %s, %v", r.Status, r.Header)
	}
}
