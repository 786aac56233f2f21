package backlog

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lag
		members := []raft.Server{{ID: "a"}, {ID: "b"}, {ID: "c"}}
		want := func(why string, want uint64) {
			t.Helper()
			if got := l.Slowest(members); got != want {
				t.Errorf("%s: the slowest has %d, want %d", why, got, want)
			}
		}
		want("nobody has answered", 0)
		l.Has("b", 5)
		l.Has("gone", 1)
		want("one has answered", 5)
		l.Has("a", 4)
		l.Has("b", 7)
		want("two have answered", 4)
		time.Sleep(2 * awaited) //nolint:forbidigo // the clock of a bubble
		want("nobody answers any more", 0)
		l.Has("b", 9)
		want("one answers again", 9)
		done := l.Sending("a", 8)
		time.Sleep(2 * awaited) //nolint:forbidigo // the clock of a bubble
		want("a snapshot is on its way", 8)
		done()
		want("a snapshot has come", 8)
		time.Sleep(2 * awaited) //nolint:forbidigo // the clock of a bubble
		want("nothing came of it", 0)
	})
}
