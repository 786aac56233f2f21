package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

// talk is one request and what comes back. A body that ends in … is compared up to there.
type talk struct {
	line   string // "METHOD target"
	body   string
	status int
	want   string
}

// talks sends the requests one after another.
func talks(t *testing.T, h http.Handler, list []talk) {
	t.Helper()
	for _, x := range list {
		w := send(t, h, x.line, x.body)
		got := w.Body.String()
		if w.Code != x.status {
			t.Errorf("%s %s\n  status %d (%s), want %d", x.line, x.body, w.Code, got, x.status)
			continue
		}
		if beginning, ok := strings.CutSuffix(x.want, "…"); ok {
			if !strings.HasPrefix(got, beginning) {
				t.Errorf("%s %s\n  body %q, want it to begin with %q", x.line, x.body, got, beginning)
			}
		} else if got != x.want {
			t.Errorf("%s %s\n  body %q, want %q", x.line, x.body, got, x.want)
		}
	}
}
