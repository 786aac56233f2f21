package compat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

func TestSessionDefaults(t *testing.T) {
	a := start(t)
	id, _, err := a.Session().Create(nil, nil)
	ok(t, err)
	s, meta, err := a.Session().Info(id, nil)
	ok(t, err)
	if s.Node != a.name || s.Behavior != api.SessionBehaviorRelease || s.LockDelay != 15*time.Second || fmt.Sprint(s.NodeChecks) != "[serfHealth]" || s.TTL != "" || meta.LastIndex != s.CreateIndex {
		t.Errorf("the session is %+v at %d", s, meta.LastIndex)
	}
	id, _, err = a.Session().CreateNoChecks(&api.SessionEntry{Name: "n", LockDelay: time.Millisecond, TTL: "10s", Behavior: api.SessionBehaviorDelete}, nil)
	ok(t, err)
	if s, _, err = a.Session().Info(id, nil); err != nil || len(s.NodeChecks)+len(s.Checks) != 0 || s.LockDelay != time.Millisecond || s.Behavior != api.SessionBehaviorDelete || s.Name != "n" {
		t.Errorf("the session is %+v, %v", s, err)
	}
	if of, _, err := a.Session().Node(a.name, nil); err != nil || len(of) != 2 {
		t.Errorf("sessions of the node: %v, %v", of, err)
	}
}

// TestSessionErrors: programs decide by the statuses and the beginnings of these sentences.
func TestSessionErrors(t *testing.T) {
	a := start(t)
	if _, _, err := a.Session().Create(&api.SessionEntry{TTL: "1s"}, nil); err == nil || !strings.Contains(err.Error(), "500 (Invalid Session TTL '") || !strings.Contains(err.Error(), "must be between [10s") {
		t.Errorf("a short TTL: %v", err)
	}
	const unknown = "8f6e23a0-1111-2222-3333-444455556666"
	if s, _, err := a.Session().Renew(unknown, nil); s != nil || err != nil {
		t.Errorf("renewal of an unknown session: %v, %v", s, err) // the client makes nil of a 404
	}
	if s, meta, err := a.Session().Info(unknown, nil); s != nil || err != nil || meta.LastIndex == 0 {
		t.Errorf("an unknown session: %v, %v", s, err)
	}
	if _, err := a.Session().Destroy(unknown, nil); err != nil {
		t.Errorf("the end of an unknown session: %v", err)
	}
	if _, _, err := a.KV().Acquire(&api.KVPair{Key: "k", Session: unknown}, nil); err == nil || !strings.Contains(err.Error(), "500 (") || !strings.Contains(err.Error(), `invalid session "`+unknown) {
		t.Errorf("a lock with an unknown session: %v", err)
	}
}

// TestLockedKey follows a key through what Consul's guide on leader election does with it.
func TestLockedKey(t *testing.T) {
	a := start(t)
	kv := a.KV()
	session := func() string {
		id, _, err := a.Session().Create(&api.SessionEntry{LockDelay: time.Millisecond, TTL: "10m"}, nil)
		ok(t, err)
		return id
	}
	one, two := session(), session()
	try := func(what string, want bool) func(done bool, _ *api.WriteMeta, err error) {
		return func(done bool, _ *api.WriteMeta, err error) {
			t.Helper()
			if err != nil || done != want {
				t.Errorf("%s: %t, %v; want %t", what, done, err, want)
			}
		}
	}
	look := func(what string, lockIndex uint64, session, value string) {
		t.Helper()
		pair, _, err := kv.Get("leader", nil)
		if err != nil || pair == nil || pair.LockIndex != lockIndex || pair.Session != session || string(pair.Value) != value {
			t.Errorf("%s: %+v, %v; want lock index %d, session %q, value %q", what, pair, err, lockIndex, session, value)
		}
	}
	try("the first takes it", true)(kv.Acquire(&api.KVPair{Key: "leader", Value: []byte("one"), Session: one}, nil))
	try("the second does not", false)(kv.Acquire(&api.KVPair{Key: "leader", Value: []byte("two"), Session: two}, nil))
	try("the first again", true)(kv.Acquire(&api.KVPair{Key: "leader", Value: []byte("one!"), Session: one}, nil))
	look("taken once", 1, one, "one!")
	try("the second releases what it does not have", false)(kv.Release(&api.KVPair{Key: "leader", Session: two}, nil))
	try("the first releases", true)(kv.Release(&api.KVPair{Key: "leader", Value: []byte("free"), Session: one}, nil))
	look("released", 1, "", "free")
	try("the second takes it", true)(kv.Acquire(&api.KVPair{Key: "leader", Value: []byte("two"), Session: two}, nil))
	look("taken twice", 2, two, "two")
	_, err := a.Session().Destroy(two, nil)
	ok(t, err)
	look("its session is over", 2, "", "two")
}
