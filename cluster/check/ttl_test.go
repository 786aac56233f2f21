package check

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// reports is what a TTL check reported and when.
type reports struct {
	start time.Time
	list  []string
}

func (r *reports) take(res Result) {
	r.list = append(r.list, time.Since(r.start).String()+" "+string(res.Status)+" "+res.Output)
}

func TestTTL(t *testing.T) {
	update := func(after time.Duration, s cluster.Status, output string) func(*TTL) {
		return func(c *TTL) {
			time.Sleep(after) //nolint:forbidigo // the clock of a bubble
			c.Update(Result{s, output})
		}
	}
	for _, x := range []struct {
		name  string
		steps []func(*TTL)
		want  []string
	}{
		{"never updated", nil, []string{"10s critical TTL expired"}},
		{"updated once", []func(*TTL){update(4*time.Second, cluster.Passing, "")}, []string{"4s passing ", "14s critical TTL expired"}},
		{"the last output is told", []func(*TTL){update(0, cluster.Warning, "half full")}, []string{
			"0s warning half full", "10s critical TTL expired (last output before timeout follows): half full",
		}},
		{"kept alive", []func(*TTL){update(9*time.Second, cluster.Passing, "1"), update(9*time.Second, cluster.Passing, "2")}, []string{
			"9s passing 1", "18s passing 2", "28s critical TTL expired (last output before timeout follows): 2",
		}},
		{"comes back", []func(*TTL){update(time.Minute, cluster.Passing, "")}, []string{
			"10s critical TTL expired", "1m0s passing ", "1m10s critical TTL expired",
		}},
		{"a reported failure expires too", []func(*TTL){update(0, cluster.Critical, "bad")}, []string{
			"0s critical bad", "10s critical TTL expired (last output before timeout follows): bad",
		}},
		{"output is cut", []func(*TTL){update(0, cluster.Passing, "half full of them")}, []string{
			"0s passing half full", "10s critical TTL expired (last output before timeout follows): half full",
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				r := &reports{start: time.Now()}
				c := NewTTL(cluster.CheckDefinition{TTL: 10 * time.Second, OutputMaxSize: 9}, r.take)
				done := make(chan struct{})
				go func() { defer close(done); c.Run(ctx) }()
				synctest.Wait()
				for _, step := range x.steps {
					step(c)
				}
				time.Sleep(3 * time.Minute) //nolint:forbidigo // the clock of a bubble
				cancel()
				<-done
				if !slices.Equal(r.list, x.want) {
					t.Errorf("reported %q\nwant %q", r.list, x.want)
				}
			})
		})
	}
}

// TestTTLUpdateAtTheDeadline updates in the very instant in which the TTL runs out: whichever comes first, the check must not be left
// critical after an update, nor expire early.
func TestTTLUpdateAtTheDeadline(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var last Result
			c := NewTTL(cluster.CheckDefinition{TTL: time.Second}, func(r Result) { last = r })
			go c.Run(ctx)
			time.Sleep(time.Second) //nolint:forbidigo // the clock of a bubble
			c.Update(Result{cluster.Passing, ""})
			synctest.Wait()
			c.mu.Lock()
			defer c.mu.Unlock()
			if last.Status != cluster.Passing {
				t.Errorf("after an update the check is %s: %s", last.Status, last.Output)
			}
		})
	}
}

// TestTTLUpdatedBeforeRun is a check that is updated while the agent is still starting.
func TestTTLUpdatedBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &reports{start: time.Now()}
		c := NewTTL(cluster.CheckDefinition{TTL: 10 * time.Second}, r.take)
		c.Update(Result{cluster.Passing, ""})
		time.Sleep(5 * time.Second) //nolint:forbidigo // the clock of a bubble
		go c.Run(ctx)
		time.Sleep(time.Minute) //nolint:forbidigo // the clock of a bubble
		cancel()
		synctest.Wait()
		if want := []string{"0s passing ", "10s critical TTL expired"}; !slices.Equal(r.list, want) {
			t.Errorf("reported %q, want %q", r.list, want)
		}
	})
}
