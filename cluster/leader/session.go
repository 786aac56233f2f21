package leader

import (
	"context"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

// sessions holds when each session with a TTL ends, on this leader's monotonic clock. A new leader gives every session its full time
// again: a session never ends before its TTL, and lives at most SessionTTLFactor times its TTL after the last renewal this leader saw.
type sessions struct {
	mu     sync.Mutex // guards following
	ends   map[string]time.Time
	ending map[string]bool // their ends are on the way into the log
}

func newSessions() *sessions {
	return &sessions{ends: map[string]time.Time{}, ending: map[string]bool{}}
}

// lifetime is how long a session lives after a renewal. What it is short of the whole factor is for the commit of its end.
func lifetime(ttl time.Duration) time.Duration { return cluster.SessionTTLFactor*ttl - ttl/20 }

// Renew gives a session its full time again, and reports whether it was in time: one whose end is on its way is not to be taken for alive. ttl is
// the session's own.
func (t *Term) Renew(id string, ttl time.Duration) (inTime bool) {
	if ttl <= 0 {
		return true
	}
	t.sessions.mu.Lock()
	defer t.sessions.mu.Unlock()
	if t.sessions.ending[id] {
		return false
	}
	t.sessions.ends[id] = time.Now().Add(lifetime(ttl)) // only ever later, so nobody has to be woken
	return true
}

// restart gives every session its full time again, once follow has seen it.
func (s *sessions) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.ends)
}

// follow starts the clock of sessions that are new and drops those that are gone.
func (s *sessions) follow(all []*cluster.Session, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := make(map[string]bool, len(all))
	for _, x := range all {
		if x.TTL <= 0 {
			continue
		}
		live[x.ID] = true
		if _, ok := s.ends[x.ID]; !ok {
			s.ends[x.ID] = now.Add(lifetime(x.TTL))
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

// over reports whether a session is still due: it may have been renewed since it was found so. From then on it is not renewed any more.
func (s *sessions) over(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, ok := s.ends[id]
	s.ending[id] = ok && !time.Now().Before(end)
	return s.ending[id]
}

// settled notes that the end of a session is no longer on its way: it has ended, or that failed.
func (s *sessions) settled(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ending, id)
}

// gather is how often the list of sessions is looked through at most: many are made at once.
const gather = 20 * time.Millisecond

// endings is how many sessions are ended at once. They share the disk syncs.
const endings = 64

// expireSessions ends the sessions whose TTL ran out.
func (t *Term) expireSessions(ctx context.Context) {
	for ctx.Err() == nil {
		view := t.cluster.WatchView()
		t.sessions.follow(view.Sessions(), time.Now())
		ended, next := t.sessions.due(time.Now())
		if !t.endSessions(ctx, ended) {
			next = min(next, retryInterval)
		}
		wait, cancel := context.WithTimeout(ctx, next)
		_ = view.Wait(wait) // whether sessions changed, one is due or the term is over, the loop finds out
		cancel()
		pause.For(ctx, gather)
	}
}

// endSessions reports whether all could be ended.
func (t *Term) endSessions(ctx context.Context, ids []string) bool {
	var wg sync.WaitGroup
	slots, failed := make(chan struct{}, endings), make(chan error, len(ids))
	for _, id := range ids {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			defer t.sessions.settled(id)
			if !t.sessions.over(id) {
				return
			}
			t.log.Info("session TTL ran out", "session", id)
			if _, err := t.cluster.Apply(ctx, &cluster.SessionDestroy{ID: id}); err != nil {
				failed <- err
			}
		})
	}
	wg.Wait()
	if len(failed) == 0 {
		return true
	}
	if err := <-failed; ctx.Err() == nil {
		t.log.Warn("cannot end every session whose TTL ran out, will try again", "failed", len(failed)+1, "error", err)
	}
	return false
}
