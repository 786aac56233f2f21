package quorum

import (
	"testing"
	"testing/synctest"
)

// TestHold holds that a holder goes on by the word of every voter of one peer set alone: the voters that it asks must be those of the set that
// it names, or one who was never asked could lead.
func TestHold(t *testing.T) {
	none := Standing{Term: 4}
	for name, x := range map[string]struct {
		change func(v *voters)
		holds  bool
	}{
		"nobody follows anybody":           {func(*voters) {}, true},
		"a voter leads":                    {func(v *voters) { v.raft["b"].set(following("b", 4)) }, false},
		"a voter follows":                  {func(v *voters) { v.raft["c"].set(following("b", 4)) }, false},
		"this member follows":              {func(v *voters) { v.raft["a"].set(following("b", 4)) }, false},
		"a voter is silent":                {func(v *voters) { v.delay["c"] = -1 }, false},
		"a voter fails":                    {func(v *voters) { v.fails["c"] = true }, false},
		"a voter is slow":                  {func(v *voters) { v.delay["c"] = callLimit / 2 }, true},
		"there are no voters":              {func(v *voters) { v.ids = nil }, false},
		"the voters are of an older set":   {func(v *voters) { v.peers = 0 }, false},
		"the voters are of a newer set":    {func(v *voters) { v.peers = 2 }, false},
		"this member does not vote":        {func(v *voters) { v.ids = v.ids[1:] }, true},
		"a member without a vote is a way": {func(v *voters) { v.ids = v.ids[:2]; v.fails["c"] = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVoters(t, "a", "b", "c")
				for _, r := range v.raft {
					r.set(none)
				}
				x.change(v)
				d, err := took(t, func() error { return v.asker.Hold(t.Context()) })
				if (err == nil) != x.holds || d > callLimit {
					t.Errorf("got %v after %s, want a word: %v", err, d, x.holds)
				}
			})
		})
	}
}
