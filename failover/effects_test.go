package failover

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/effect"
	"holdfast/failover/failovertest"
	"holdfast/failover/fence"
)

// fittings are the effects of a machine that is not there. They write into the journal of its bench.
type fittings struct {
	*journal
	removed chan string // who removed something

	mu      sync.Mutex // guards following
	open    []string   // the groups whose routes and rules are there
	gone    bool       // something else has removed them
	started map[string][]cluster.Run
	broken  map[string]error // start of a unit -> why it fails
}

func (f *fittings) Set(want []effect.Wanted, prune bool) (effect.Changes, map[string]error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var now []string
	for _, w := range want {
		if w.Open {
			now = append(now, w.Group)
		}
	}
	slices.Sort(now)
	if !prune {
		return effect.Changes{}, nil
	}
	var done effect.Changes
	if f.gone {
		f.gone, done.Restored = false, []string{"route 0.0.0.0/0"}
	}
	if !slices.Equal(now, f.open) {
		f.open = now
		f.add("effects " + strings.Join(now, ","))
	}
	return done, nil
}

func (f *fittings) Start(_ context.Context, group string, r cluster.Run, _ []string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add("start " + r.Unit)
	f.started[group] = append(f.started[group], r)
	return "", f.broken[r.Unit]
}

func (f *fittings) Stop(_ context.Context, group string, r cluster.Run, _ []string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add("stop " + r.Unit)
	f.started[group] = slices.DeleteFunc(f.started[group], r.Equal)
	if len(f.started[group]) == 0 {
		delete(f.started, group)
	}
	return "", nil
}

func (f *fittings) Started() map[string][]cluster.Run {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string][]cluster.Run{}
	for g, rs := range f.started {
		out[g] = slices.Clone(rs)
	}
	return out
}

func (f *fittings) Watch(ctx context.Context, report func(string)) error {
	for {
		select {
		case by := <-f.removed:
			report(by)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fit gives a stage's machine its fittings, and the group two units.
func fit(s *stage, e cluster.Effects) *fittings {
	f := &fittings{journal: s.journal, removed: make(chan string), started: map[string][]cluster.Run{}, broken: map[string]error{}}
	s.opts.Effects = f
	g := failovertest.GroupOf("g", "10.0.0.100/24")
	g.Effects = e
	s.Do(failovertest.Put(g))
	return f
}

func units(names ...string) (rs []cluster.Run) {
	for _, n := range names {
		rs = append(rs, cluster.Run{Unit: n})
	}
	return rs
}

var defaultRoute = cluster.Route{Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.0.0.1")}

// TestEffectsOrder holds the order in which a group with everything comes and goes.
func TestEffectsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.slow = 5 * time.Millisecond // so that what comes too early is heard too early
		fit(s, cluster.Effects{Runs: units("a.service", "b.service"), Routes: []cluster.Route{defaultRoute}})
		s.Assign("g", "n1", false)
		s.start().serves()
		failovertest.Eventually(t, "it is announced", func() bool { return s.has("announce 10.0.0.100") })
		s.wantOrder(0, "put 10.0.0.100", "claim g 1", "start a.service", "start b.service", "open 10.0.0.100", "effects g", "announce 10.0.0.100")
		n := s.len()
		s.Assign("g", "n2", false)
		failovertest.Eventually(t, "it is gone", func() bool { return s.has("forget 10.0.0.100") })
		s.wantOrder(n, "shut 10.0.0.100", "stop b.service", "stop a.service", "release g 1", "remove 10.0.0.100", "effects ")
		want := []string{"unit a.service was started", "unit b.service was started", "unit b.service was stopped", "unit a.service was stopped"}
		failovertest.Eventually(t, "the timeline tells", func() bool { return slices.Equal(s.Told(cluster.TransitionRun), want) })
	})
}

// TestRunThatDoesNotStart holds that a group whose unit fails is given back, never opened, and that the leader hears why.
func TestRunThatDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.slow = 5 * time.Millisecond
		f := fit(s, cluster.Effects{Runs: units("a.service", "b.service", "c.service")})
		f.broken["b.service"] = errors.New(`ended as "failed"`)
		s.Assign("g", "n1", false)
		s.start()
		failovertest.Eventually(t, "the leader hears why", func() bool {
			return strings.HasPrefix(s.last().Unable["g"], `what goes with it did not start: unit b.service ended as "failed"; it tries again after `)
		})
		failovertest.Eventually(t, "it is given back", func() bool { return s.has("forget 10.0.0.100") })
		s.wantOrder(0, "start a.service", "start b.service", "stop a.service", "release g 1", "remove 10.0.0.100")
		s.never(0, "open 10.0.0.100")
		s.never(0, "start c.service")
		s.never(0, "stop c.service")
	})
}

// TestVerifyGivesBack holds that a machine that finds that it serves in vain gives the group back, and for twice as long the next time.
func TestVerifyGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.opts.UnfitFor = 30 * time.Millisecond
		fit(s, cluster.Effects{Verify: []cluster.Verify{{Args: []string{"false"}, Within: time.Millisecond}}})
		s.Assign("g", "n1", false)
		s.start()
		const why = "verify false: failed: exit status 1 (1 tries in 1ms)"
		failovertest.Eventually(t, "the leader hears why", func() bool { return s.last().Unable["g"] == why+"; it tries again after 30ms" })
		failovertest.Eventually(t, "it is given back", func() bool { return s.has("release g 1") })
		s.Assign("g", "n1", false)
		failovertest.Eventually(t, "the leader hears why again", func() bool { return s.last().Unable["g"] == why+"; it tries again after 60ms" })
		failovertest.Eventually(t, "the timeline tells", func() bool { return slices.Contains(s.Told(cluster.TransitionVerify), why) })
	})
}

// TestEffectsOfAnEarlierDaemon holds that a daemon that carries on takes over what runs, and that one that does not stops it.
func TestEffectsOfAnEarlierDaemon(t *testing.T) {
	t.Run("carries on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			f := fit(s, cluster.Effects{Runs: units("a.service", "b.service")})
			f.started["g"] = units("a.service", "x.service")
			s.Assign("g", "n1", false)
			s.leave("10.0.0.100", now()+fence.Boottime(time.Minute))
			s.start().serves()
			failovertest.Eventually(t, "what is missing starts and what is gone stops", func() bool { return s.has("start b.service") && s.has("stop x.service") })
			s.never(0, "start a.service")
			s.never(0, "stop a.service")
		})
	})
	t.Run("holds nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			f := fit(s, cluster.Effects{Runs: units("a.service", "b.service")})
			f.started["g"] = units("a.service", "b.service")
			s.Assign("g", "n2", false)
			s.start()
			failovertest.Eventually(t, "both stop", func() bool { return s.has("stop a.service") })
			s.wantOrder(0, "stop b.service", "stop a.service")
		})
	})
}

// TestEffectsRestored holds that what something else removed is put back at once, and told.
func TestEffectsRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		f := fit(s, cluster.Effects{Routes: []cluster.Route{defaultRoute}})
		s.Assign("g", "n1", false)
		s.start().serves()
		failovertest.Eventually(t, "the leader has told the assignments", func() bool { return s.has("effects g") })
		f.mu.Lock()
		f.gone = true
		f.mu.Unlock()
		f.removed <- "ip (pid 7)"
		failovertest.Eventually(t, "the timeline tells", func() bool {
			return slices.Contains(s.Told(cluster.TransitionRepair), "ip (pid 7) removed or changed route 0.0.0.0/0; it was put back")
		})
	})
}
