package leader

import (
	"context"
	"sync"
	"time"

	"holdfast/cluster"
)

// sessions holds when each session with a TTL ends, on this leader's monotonic clock. A new leader gives every session its full time
// again: a session never ends before its TTL, and lives at most SessionTTLFactor times its TTL after the last renewal this leader saw.
type sessions struct {
	mu   sync.Mutex // guards following
	ends map[string]time.Time
}

func newSessions() *sessions { return &sessions{ends: map[string]time.Time{}} }

// Renew gives a session its full time again. ttl is the session's own.
func (t *Term) Renew(id string, ttl time.Duration) {
	if ttl <= 0 {
		return
	}
	t.sessions.mu.Lock()
	defer t.sessions.mu.Unlock()
	t.sessions.ends[id] = time.Now().Add(cluster.SessionTTLFactor * ttl) // only ever later, so nobody has to be woken
}

// follow starts the clock of sessions that are new and drops those that are gone.
func (s *sessions) follow(all []*cluster.Session, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := map[string]bool{}
	for _, x := range all {
		if x.TTL <= 0 {
			continue
		}
		live[x.ID] = true
		if _, ok := s.ends[x.ID]; !ok {
			s.ends[x.ID] = now.Add(cluster.SessionTTLFactor * x.TTL)
		}
	}
	for id := range s.ends {
		if !live[id] {
			delete(s.ends, id)
		}
	}
}

// due lists the sessions that have ended, and how long it is until the next one ends.
func (s *sessions) due(now time.Time) (ended []string, next time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next = time.Hour
	for id, end := range s.ends {
		if left := end.Sub(now); left <= 0 {
			ended = append(ended, id)
		} else {
			next = min(next, left)
		}
	}
	return ended, next
}

// expireSessions ends the sessions whose TTL ran out.
func (t *Term) expireSessions(ctx context.Context) {
	for ctx.Err() == nil {
		view := t.cluster.WatchView()
		t.sessions.follow(view.Sessions(), time.Now())
		ended, next := t.sessions.due(time.Now())
		for _, id := range ended {
			t.log.Info("session TTL ran out", "session", id)
			if _, err := t.cluster.Apply(ctx, &cluster.SessionDestroy{ID: id}); err != nil {
				t.log.Warn("cannot end a session whose TTL ran out", "session", id, "error", err)
				next = min(next, time.Second)
			}
		}
		if len(ended) > 0 && next > time.Second {
			continue // look again at once: the state has changed
		}
		wait, cancel := context.WithTimeout(ctx, next)
		_ = view.Wait(wait) // whether sessions changed, one is due or the term is over, the loop finds out
		cancel()
	}
}
