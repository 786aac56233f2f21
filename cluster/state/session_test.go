package state

import (
	"reflect"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestSessionCreate(t *testing.T) {
	w := settled(t)
	c := session("S-2", "N1", cluster.SerfHealth)
	c.Session.ServiceChecks = []cluster.SessionServiceCheck{{ID: "service:web"}}
	c.Session.LockDelay = 2 * time.Minute
	if id := w.do(c); id != "S-2" {
		t.Errorf("result %v, want the ID", id)
	}
	want := c.Session
	want.Node, want.Behavior, want.LockDelay, want.CreateIndex, want.ModifyIndex = "n1", cluster.SessionRelease, cluster.MaxLockDelay, w.index, w.index
	if got := w.View().Session("s-2"); !reflect.DeepEqual(got, &want) {
		t.Errorf("got %+v, want %+v", got, &want)
	}
	if id := w.do(c); id != "S-2" || w.View().Session("s-2").ModifyIndex != w.index-1 {
		t.Error("the same session once more changed something")
	}
	wantNames(t, "sessions of n1", names(w.View().NodeSessions("N1"), func(s *cluster.Session) string { return s.ID }), "S-2", "s1")
}

func TestRefusedSessions(t *testing.T) {
	w := settled(t)
	w.do(nodeCheck("n1", "disk", cluster.Critical))
	for _, c := range []struct {
		name   string
		change func(*cluster.Session)
		code   cluster.Code
		text   string
	}{
		{"no ID", func(s *cluster.Session) { s.ID = "" }, cluster.Invalid, "session ID"},
		{"no such node", func(s *cluster.Session) { s.Node = "n7" }, cluster.Invalid, "Missing node registration"},
		{"no such check", func(s *cluster.Session) { s.NodeChecks = []string{"none"} }, cluster.Invalid, "Missing check 'none' registration"},
		{"no such service check", func(s *cluster.Session) { s.ServiceChecks = []cluster.SessionServiceCheck{{ID: "none"}} }, cluster.Invalid, "Missing check 'none' registration"},
		{"a critical check", func(s *cluster.Session) { s.NodeChecks = []string{"disk"} }, cluster.Invalid, "Check 'disk' is in critical state"},
		{"odd behavior", func(s *cluster.Session) { s.Behavior = "keep" }, cluster.Invalid, `"keep"`},
		{"negative TTL", func(s *cluster.Session) { s.TTL = -1 }, cluster.Invalid, "negative"},
		{"an ID in use", func(s *cluster.Session) { s.ID = "s1" }, cluster.Conflict, `"s1" exists already`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			s := session("s2", "n1")
			c.change(&s.Session)
			w.refused(s, c.code, c.text)
		})
	}
}

// TestSessionEnds holds what ends a session, and what that does to its keys, in the same commit.
func TestSessionEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		write cluster.Command
		ends  bool
	}{
		{"destroyed", &cluster.SessionDestroy{ID: "s2"}, true},
		{"its node check is critical", nodeCheck("n1", cluster.SerfHealth, cluster.Critical), true},
		{"its node check is warning", nodeCheck("n1", cluster.SerfHealth, cluster.Warning), false},
		{"another node check is critical", nodeCheck("n1", "disk", cluster.Critical), false},
		{"another node's check is critical", nodeCheck("n2", cluster.SerfHealth, cluster.Critical), false},
		{"its service check is critical", service("n1", "web", cluster.Critical), true},
		{"another service's check is critical", service("n1", "db", cluster.Critical), false},
		{"its check goes", &cluster.Deregister{Node: "n1", CheckID: cluster.SerfHealth}, true},
		{"its service goes", &cluster.Deregister{Node: "n1", ServiceID: "web"}, true},
		{"another service goes", &cluster.Deregister{Node: "n1", ServiceID: "db"}, false},
		{"its node goes", &cluster.Deregister{Node: "n1"}, true},
		{"another node goes", &cluster.Deregister{Node: "n2"}, false},
	} {
		for _, b := range []cluster.SessionBehavior{cluster.SessionRelease, cluster.SessionDelete} {
			t.Run(c.name+", "+string(b), func(t *testing.T) {
				w := settled(t)
				s := session("s2", "n1", cluster.SerfHealth)
				s.Session.ServiceChecks = []cluster.SessionServiceCheck{{ID: "service:web"}}
				s.Session.Behavior = b
				w.do(s)
				w.do(lock("held", "s2"))
				w.do(lock("held/too", "s2"))
				w.do(c.write)
				v := w.View()
				if gone := v.Session("s2") == nil; gone != c.ends {
					t.Fatalf("ended: %v, want %v", gone, c.ends)
				}
				for _, k := range []string{"held", "held/too"} {
					v := w.View()
					e := v.KVGet(k)
					switch {
					case !c.ends:
						if e == nil || e.Session != "s2" || v.LockDelay(k, w.now) != 0 {
							t.Errorf("%s: %+v", k, e)
						}
					case b == cluster.SessionDelete:
						if e != nil || v.Index() != w.index {
							t.Errorf("%s was not deleted: %+v at %d", k, e, v.Index())
						}
					default:
						if e == nil || e.Session != "" || e.LockIndex != 1 || e.ModifyIndex != w.index {
							t.Errorf("%s was not released: %+v", k, e)
						}
					}
					if c.ends && v.LockDelay(k, w.now) != 15*time.Second {
						t.Errorf("%s has the lock delay %s", k, v.LockDelay(k, w.now))
					}
				}
			})
		}
	}
}

func TestLockDelay(t *testing.T) {
	w := settled(t)
	w.do(session("s2", "n2"))
	w.do(&cluster.SessionDestroy{ID: "s1"}) // held x with a delay of 15 s
	for _, c := range []struct {
		after time.Duration
		left  time.Duration
		locks bool
	}{
		{-70 * time.Minute, 0, true}, // a clock that was an hour ahead locks nobody out
		{-2 * time.Second, 17 * time.Second, false},
		{0, 15 * time.Second, false},
		{14999 * time.Millisecond, time.Millisecond, false},
		{15 * time.Second, 0, true},
	} {
		now := w.now
		w.now = now.Add(c.after)
		if left := w.View().LockDelay("x", w.now); left != c.left {
			t.Errorf("after %s: %s left, want %s", c.after, left, c.left)
		}
		if got := w.do(lock("x", "s2")); got != c.locks {
			t.Errorf("after %s: lock gave %v, want %v", c.after, got, c.locks)
		}
		w.do(&cluster.KVWrite{Verb: cluster.KVUnlock, Entry: cluster.KVEntry{Key: "x", Session: "s2"}})
		w.now = now
	}
	if got := w.do(lock("x", "s1")); got != false {
		t.Errorf("the session that is gone was told %v, want false as everyone is", got)
	}
	w.do(set("x", "anyone may write"))
	if left := w.View().LockDelay("y", w.now); left != 0 {
		t.Errorf("another key has a lock delay of %s", left)
	}
}

// TestLockDelaysAreForgotten holds that delays that are over do not stay for ever, and that a delay of 0 is none.
func TestLockDelaysAreForgotten(t *testing.T) {
	w := settled(t)
	for _, s := range []struct {
		id, key string
		delay   time.Duration
	}{{"a", "k1", time.Second}, {"b", "k2", 50 * time.Second}, {"d", "k4", 30 * time.Second}, {"c", "k3", 0}} {
		c := session(s.id, "n2")
		c.Session.LockDelay = s.delay
		w.do(c)
		w.do(lock(s.key, s.id))
		w.do(&cluster.SessionDestroy{ID: s.id})
		w.now = w.now.Add(2 * time.Second)
	}
	var left []string
	for _, r := range records(t, w.Store) {
		if d, ok := r.(*LockDelay); ok {
			left = append(left, d.Key)
		}
	}
	wantNames(t, "lock delays", left, "k2", "k4")
}
