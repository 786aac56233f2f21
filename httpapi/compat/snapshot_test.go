package compat

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestSnapshot: what was saved is there again after a restore, what came later is gone, and whoever waits is told.
func TestSnapshot(t *testing.T) {
	a := start(t)
	put(t, a.KV(), "k", "saved")
	r, meta, err := a.Snapshot().Save(nil)
	ok(t, err)
	archive, err := io.ReadAll(r)
	ok(t, err)
	ok(t, r.Close())
	if meta.LastIndex == 0 {
		t.Error("the snapshot has no index")
	}
	put(t, a.KV(), "k", "changed")
	put(t, a.KV(), "later", "x")
	_, changed, err := a.KV().Get("k", nil)
	ok(t, err)
	waits := make(chan error, 1)
	go func() {
		_, _, err := a.KV().Get("k", &api.QueryOptions{WaitIndex: changed.LastIndex, WaitTime: limit})
		waits <- err
	}()
	ok(t, a.Snapshot().Restore(nil, bytes.NewReader(archive)))
	within(t, "who waits is told", waits)
	if pair, _, err := a.KV().Get("k", nil); err != nil || pair == nil || string(pair.Value) != "saved" {
		t.Errorf("after the restore: %v, %v", pair, err)
	}
	if pair, _, err := a.KV().Get("later", nil); err != nil || pair != nil {
		t.Errorf("what came later: %v, %v", pair, err)
	}
	if err := a.Snapshot().Restore(nil, bytes.NewReader(archive[:len(archive)/2])); err == nil || strings.Contains(err.Error(), "200") {
		t.Errorf("half an archive: %v", err)
	}
	if pair, _, err := a.KV().Get("k", nil); err != nil || pair == nil || string(pair.Value) != "saved" {
		t.Errorf("after a restore that was refused: %v, %v", pair, err)
	}
}
