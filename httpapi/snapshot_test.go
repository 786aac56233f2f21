package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/cluster"
)

// archives keeps what is restored, and gives it as the snapshot.
type archives struct {
	content string
	opts    cluster.QueryOptions
	token   string
	err     error
	torn    bool // writing breaks off half-way
}

func (a *archives) Snapshot(_ context.Context, opts cluster.QueryOptions) (io.WriterTo, cluster.QueryMeta, error) {
	a.opts = opts
	return a, cluster.QueryMeta{Index: 42, KnownLeader: true, Consistency: opts.Consistency}, a.err
}

func (a *archives) WriteTo(w io.Writer) (int64, error) {
	content := a.content
	if a.torn {
		content = content[:len(content)/2]
	}
	n, err := io.WriteString(w, content)
	if err == nil && a.torn {
		err = errors.New("torn")
	}
	return int64(n), err
}

func (a *archives) Restore(_ context.Context, opts cluster.WriteOptions, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if a.err == nil {
		a.content, a.token = string(b), opts.Token
	}
	return a.err
}

func TestSnapshot(t *testing.T) {
	m := newMember()
	large := strings.Repeat("archive ", 1<<20)
	s := httptest.NewServer(m.handler())
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/v1/snapshot?token=t", strings.NewReader(large))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || m.archives.content != large || m.archives.token != "t" {
		t.Errorf("restore answered %d; %d bytes arrived with the token %q", resp.StatusCode, len(m.archives.content), m.archives.token)
	}
	w := send(t, m.handler(), "GET /v1/snapshot?stale&index=99", "")
	if w.Code != 200 || w.Body.String() != large || m.archives.opts.Consistency != cluster.Stale || m.archives.opts.MinIndex != 0 {
		t.Errorf("save answered %d with %d bytes, options %+v", w.Code, w.Body.Len(), m.archives.opts)
	}
	for name, want := range map[string]string{
		"X-Consul-Index": "42", "X-Consul-Knownleader": "true", "X-Consul-Lastcontact": "0", "Content-Type": "application/x-gzip", "Content-Encoding": "",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w := send(t, m.handler(), "HEAD /v1/snapshot", ""); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("HEAD answered %d with %d bytes", w.Code, w.Body.Len())
	}
	m.archives.torn = true
	if w := send(t, m.handler(), "GET /v1/snapshot", ""); w.Body.Len() >= len(large) {
		t.Error("a snapshot that broke off has its whole length")
	}
}

func TestSnapshotFails(t *testing.T) {
	m := newMember()
	for _, c := range []struct {
		err    error
		status int
	}{
		{cluster.ErrNoLeader, 500},
		{cluster.Errorf(cluster.Invalid, "the snapshot was altered"), 400},
		{cluster.Errorf(cluster.Unknown, "it may still succeed"), 500},
		{cluster.Errorf(cluster.Conflict, "the restore was interrupted"), 409},
	} {
		m.archives.err = c.err
		for _, line := range []string{"GET /v1/snapshot", "PUT /v1/snapshot"} {
			if w := send(t, m.handler(), line, "x"); w.Code != c.status || w.Body.String() != c.err.Error() {
				t.Errorf("%s: %d %q, want %d %q", line, w.Code, w.Body, c.status, c.err)
			}
		}
	}
	if w := send(t, m.handler(), "POST /v1/snapshot", ""); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, PUT" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}
