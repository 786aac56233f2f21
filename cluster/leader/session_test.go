package leader

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

func (f *fakeCluster) session(t *testing.T, id string, ttl time.Duration) {
	t.Helper()
	if _, err := f.Apply(t.Context(), &cluster.SessionCreate{Session: cluster.Session{ID: id, Node: "n1", TTL: ttl}}); err != nil {
		t.Fatal(err)
	}
}

func (f *fakeCluster) lives(id string) bool { return f.store.View().Session(id) != nil }

// TestSessionEndsBetweenTTLAndTwice watches sessions to their end, to the millisecond.
func TestSessionEndsBetweenTTLAndTwice(t *testing.T) {
	for _, x := range []struct {
		name   string
		ttl    time.Duration
		renews []time.Duration // after its creation
	}{
		{"the shortest", 10 * time.Second, nil},
		{"a long one", 24 * time.Hour, nil},
		{"renewed once", 10 * time.Second, []time.Duration{9 * time.Second}},
		{"renewed late", 10 * time.Second, []time.Duration{18 * time.Second}},
		{"renewed often", 10 * time.Second, []time.Duration{time.Second, 5 * time.Second, 12 * time.Second, 25 * time.Second}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, term := running(t)
				f.session(t, "s", x.ttl)
				synctest.Wait()
				begun, last := time.Now(), time.Now()
				for _, at := range x.renews {
					wait(at - time.Since(begun))
					if !f.lives("s") {
						t.Fatalf("it ended before it was renewed after %s", at)
					}
					term.Renew("s", x.ttl)
					last = time.Now()
				}
				wait(x.ttl)
				if !f.lives("s") {
					t.Error("it ended within its TTL")
				}
				wait(2*x.ttl - time.Since(last))
				if f.lives("s") {
					t.Error("it lives after twice its TTL")
				}
			})
		})
	}
}

// TestRenewalWhileTheEndIsOnItsWay renews a session whose end is being committed: who is told that it was renewed must find it alive. Where the end
// could not be committed it may be renewed again.
func TestRenewalWhileTheEndIsOnItsWay(t *testing.T) {
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f, term := running(t)
			f.session(t, "s", 10*time.Second)
			renewed, asked := false, 0
			f.failing(func(c cluster.Command) error {
				if _, ok := c.(*cluster.SessionDestroy); !ok {
					return nil
				}
				if asked++; asked == 1 {
					renewed = term.Renew("s", 10*time.Second)
				}
				if fails && asked == 1 {
					return cluster.ErrNoLeader
				}
				return nil
			})
			wait(19600 * time.Millisecond)
			if asked == 0 || renewed {
				t.Errorf("asked %d times, it was renewed: %v", asked, renewed)
			}
			if !fails {
				if f.lives("s") {
					t.Error("it lives")
				}
				return
			}
			if f.lives("s") && !term.Renew("s", 10*time.Second) {
				t.Error("it lives and cannot be renewed")
			}
		})
	}
}

func TestSessionWithoutTTLLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		f.session(t, "s", 0)
		term.Renew("s", 0)
		wait(100 * time.Hour)
		if !f.lives("s") {
			t.Error("it has ended")
		}
	})
}

// TestNewLeaderGivesFullTime changes the leader shortly before a session would end.
func TestNewLeaderGivesFullTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.set("n1:alive")
		opts := DefaultOptions()
		opts.Self = "n1"
		ctx, over := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); New(f, opts, slog.New(slog.DiscardHandler)).Run(ctx) }()
		synctest.Wait()
		f.session(t, "s", 10*time.Second)
		wait(18 * time.Second)
		over()
		<-done
		lead(t, f)
		wait(10 * time.Second)
		if !f.lives("s") {
			t.Error("it ended within its TTL under the new leader")
		}
		wait(10 * time.Second)
		if f.lives("s") {
			t.Error("it lives after twice its TTL")
		}
	})
}

// TestManySessionsEndAtOnce ends thousands in few steps.
func TestManySessionsEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := running(t)
		for i := range 2000 {
			f.session(t, fmt.Sprintf("s%d", i), 10*time.Second)
		}
		wait(20 * time.Second)
		if n := len(f.store.View().Sessions()); n > 0 {
			t.Errorf("%d sessions live", n)
		}
	})
}

// TestEndIsTriedAgain has the commit of a session's end fail for a while.
func TestEndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		var tries atomic.Int32
		f.failing(func(cmd cluster.Command) error {
			if _, ok := cmd.(*cluster.SessionDestroy); ok {
				tries.Add(1)
				return cluster.ErrNoLeader
			}
			return nil
		})
		f.session(t, "gone", 10*time.Second)
		f.session(t, "renewed", 10*time.Second)
		wait(30 * time.Second)
		if n := tries.Load(); n < 10 || n > 30 {
			t.Errorf("%d tries in 11 s for two sessions", n)
		}
		term.Renew("renewed", 10*time.Second) // before its end is committed
		f.failing(nil)
		wait(2 * time.Second)
		if f.lives("gone") || !f.lives("renewed") {
			t.Errorf("gone lives: %v, renewed lives: %v", f.lives("gone"), f.lives("renewed"))
		}
	})
}
