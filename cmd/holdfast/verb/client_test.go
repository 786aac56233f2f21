package verb

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestWait holds that a question that waits for a change is not given up when other questions would be.
func TestWait(t *testing.T) {
	const usual = 20 * time.Millisecond
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(10 * usual):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("X-Consul-Index", "7")
		_, _ = w.Write([]byte("changed")) // the client tells
	}))
	defer s.Close()
	c := &Client{addr: s.URL, base: s.URL, http: &http.Client{Timeout: usual}}
	if _, err := c.Raw(t.Context(), http.MethodGet, "/v1/kv/a", nil, nil); err == nil || !strings.Contains(err.Error(), "did not answer within") {
		t.Errorf("another question: %v", err)
	}
	if b, index, found, err := c.Wait(t.Context(), "/v1/kv/a", nil); string(b) != "changed" || index != 7 || !found || err != nil {
		t.Errorf("%q, %d, %t, %v", b, index, found, err)
	}
}
