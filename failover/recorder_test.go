package failover

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
)

func TestRecorderWritesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := failovertest.NewCell(t, "n1")
		r := newRecorder(s, nil, failovertest.Quiet())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.run(ctx)
		}()
		for i := range 100 {
			r.add(cluster.Transition{Kind: cluster.TransitionAcquire, Why: strconv.Itoa(i)})
		}
		synctest.Wait()
		r.add(cluster.Transition{Kind: cluster.TransitionAcquire, Why: "100", Node: "n9", Time: time.Unix(7, 0)})
		synctest.Wait()
		tl := s.Store.View().Timeline("", 0)
		if len(tl) != 101 {
			t.Fatalf("%d entries", len(tl))
		}
		for i, x := range tl {
			if x.Why != strconv.Itoa(i) {
				t.Fatalf("entry %d is %q", i, x.Why)
			}
		}
		if first, last := tl[0], tl[100]; first.Node != "n1" || first.Time.IsZero() || last.Node != "n9" || !last.Time.Equal(time.Unix(7, 0)) {
			t.Errorf("stamps: %+v and %+v", first, last)
		}
		cancel()
		<-done
	})
}

// TestRecorderKeepsWhatCannotBeWritten holds that an outage of the leader costs no entry, that it is tried again after a pause and not in
// a busy loop, and that the newest entries stay when there are too many.
func TestRecorderKeepsWhatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := failovertest.NewCell(t, "n1")
		s.FailWith(cluster.ErrNoLeader)
		r := newRecorder(s, nil, failovertest.Quiet())
		go r.run(t.Context())
		n := cluster.TimelineSize + 7
		for i := range n {
			r.add(cluster.Transition{Why: strconv.Itoa(i)})
		}
		time.Sleep(10*time.Second + time.Millisecond) //nolint:forbidigo // a synctest bubble: the clock is the test's
		if got := s.Written(); got > 12 {
			t.Errorf("%d attempts in 10 s without a leader", got)
		}
		s.FailWith(nil)
		time.Sleep(time.Second) //nolint:forbidigo // a synctest bubble: the clock is the test's
		synctest.Wait()
		tl := s.Store.View().Timeline("", 0)
		for _, cmd := range s.Seen() {
			if r, is := cmd.(*cluster.Record); is && len(r.Transitions) > mostRecorded {
				t.Fatalf("%d transitions at once, each of which may have the output of a hook", len(r.Transitions))
			}
		}
		if len(tl) != cluster.TimelineSize || tl[0].Why != "7" || tl[len(tl)-1].Why != strconv.Itoa(n-1) {
			t.Errorf("%d entries, the first %q", len(tl), tl[0].Why)
		}
	})
}

// TestRecorderWritesTheLast holds that what is told just before the end is written, and that a lost leader does not hold up the end.
func TestRecorderWritesTheLast(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("leader lost %v", lost), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := failovertest.NewCell(t, "n1")
				s.FailWith(cluster.ErrNoLeader)
				r := newRecorder(s, nil, failovertest.Quiet())
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					r.run(ctx)
				}()
				r.add(cluster.Transition{Kind: cluster.TransitionRelease, Why: "goodbye"})
				synctest.Wait()
				if !lost {
					s.FailWith(nil)
				}
				start := time.Now()
				cancel()
				<-done
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("it took %s to end", took)
				}
				if got := s.Told(cluster.TransitionRelease); slices.Contains(got, "goodbye") == lost {
					t.Errorf("written: %q", got)
				}
			})
		})
	}
}
