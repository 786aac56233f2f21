package httpapi

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// watches are two that an agent runs.
type watches struct{}

func (watches) Watches() []cluster.WatchStatus {
	return []cluster.WatchStatus{
		{
			Watch: cluster.Watch{Type: "service", Service: "db", Tags: []string{"a"}, PassingOnly: true, Args: []string{"/bin/proxy", "-x"}}, Index: 7, Runs: 3, Failures: 1,
			Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: 1500 * time.Millisecond, Error: "exit status 1", Output: "oh\n",
		},
		{Watch: cluster.Watch{Type: "key", Key: "vip", HTTP: &cluster.WatchHTTP{URL: "http://h/"}}, Waiting: "No cluster leader"},
	}
}

// TestInside holds that who asks from inside is answered what a client is.
func TestInside(t *testing.T) {
	m := newMember()
	in := NewInside(m.handler())
	body, index, found, err := in.Ask(t.Context(), "/v1/kv/none", nil)
	if err != nil || found || len(body) > 0 || index == 0 {
		t.Errorf("a missing key: %q, %d, %t, %v", body, index, found, err)
	}
	m.apply(t, &cluster.KVWrite{Verb: cluster.KVSet, Entry: cluster.KVEntry{Key: "k", Value: []byte("v")}})
	if body, _, found, err = in.Ask(t.Context(), "/v1/kv/k", url.Values{"stale": {""}}); err != nil || !found || !strings.HasPrefix(string(body), `[{"LockIndex":0,"Key":"k"`) {
		t.Errorf("a key: %q, %t, %v", body, found, err)
	}
	if _, _, _, err = in.Ask(t.Context(), "/v1/health/state/odd", nil); err == nil || !strings.HasPrefix(err.Error(), `there is no check state "odd"`) {
		t.Errorf("what is refused: %v", err)
	}
	if _, _, _, err = in.Ask(t.Context(), "/v1/none", nil); err == nil || !strings.HasPrefix(err.Error(), "there is no endpoint") {
		t.Errorf("no endpoint: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err = in.Ask(ctx, "/v1/kv/k", url.Values{"index": {"1000000"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}
