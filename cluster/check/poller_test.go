package check

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// fakeProbe notes when it is asked and takes a while to answer.
type fakeProbe struct {
	takes   time.Duration
	started []time.Time
}

func (p *fakeProbe) probe(ctx context.Context) Result {
	p.started = append(p.started, time.Now())
	select {
	case <-time.After(p.takes):
		return Result{cluster.Passing, ""}
	case <-ctx.Done():
		return Result{cluster.Critical, ctx.Err().Error()}
	}
}

func TestPoller(t *testing.T) {
	for _, x := range []struct {
		name                     string
		interval, timeout, takes time.Duration
		within                   time.Duration
		after                    time.Duration
		pauses                   []time.Duration // between starts
		want                     cluster.Status
	}{
		{"from start to start", 10 * time.Second, 0, 3 * time.Second, 35 * time.Second, 0, repeat(10*time.Second, 3), cluster.Passing},
		{"put off at first", 10 * time.Second, 0, time.Second, 35 * time.Second, 4 * time.Second, repeat(10*time.Second, 3), cluster.Passing},
		{"slower than the interval", time.Second, 0, 3 * time.Second, 10 * time.Second, 0, repeat(3*time.Second, 3), cluster.Passing},
		{"the timeout given", 10 * time.Second, 2 * time.Second, time.Hour, 25 * time.Second, 0, repeat(10*time.Second, 2), cluster.Critical},
		{"the default timeout", time.Second, 0, time.Hour, 35 * time.Second, 0, repeat(10*time.Second, 3), cluster.Critical},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), x.within)
				defer cancel()
				p := &fakeProbe{takes: x.takes}
				begun := time.Now()
				var got []cluster.Status
				poll := newPoller(cluster.CheckDefinition{Interval: x.interval, Timeout: x.timeout}, p, defaultTimeout, func(r Result) bool {
					got = append(got, r.Status)
					return true
				})
				poll.after = x.after
				poll.Run(ctx)
				if first := p.started[0].Sub(begun) - x.after; first < 0 || first > maxStagger {
					t.Errorf("the first run began after %s", first)
				}
				var pauses []time.Duration
				for i := range len(p.started) - 1 {
					pauses = append(pauses, p.started[i+1].Sub(p.started[i]))
				}
				if !slices.Equal(pauses, x.pauses) {
					t.Errorf("pauses %v, want %v", pauses, x.pauses)
				}
				for _, s := range got {
					if s != x.want {
						t.Errorf("reported %v, want only %s", got, x.want)
					}
				}
			})
		})
	}
}

func repeat(d time.Duration, n int) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }

// TestPollerReportsNothingOfARunCutShort ends a check during a run: a healthy service must not look critical because its agent stops.
func TestPollerReportsNothingOfARunCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		newPoller(cluster.CheckDefinition{Interval: time.Second}, &fakeProbe{takes: time.Hour}, defaultTimeout, func(r Result) bool {
			t.Errorf("reported %+v", r)
			return true
		}).Run(ctx)
	})
}
