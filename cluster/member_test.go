package cluster

import "testing"

// TestMembersByID has a member in the pool under two names.
func TestMembersByID(t *testing.T) {
	m := func(name, id string, s MemberStatus) Member {
		return Member{Name: name, Status: s, Tags: map[string]string{TagID: id}}
	}
	for _, c := range []struct {
		first, second MemberStatus
		want          string
	}{
		{StatusAlive, StatusFailed, "a"},
		{StatusFailed, StatusAlive, "b"},
		{StatusLeft, StatusAlive, "b"},
		{StatusAlive, StatusLeft, "a"},
		{StatusFailed, StatusLeft, "a"},
		{StatusLeft, StatusFailed, "b"},
		{StatusLeaving, StatusAlive, "b"},
	} {
		got := MembersByID([]Member{m("a", "1", c.first), m("b", "1", c.second), m("c", "2", StatusLeft), m("d", "", StatusAlive)})
		if len(got) != 2 || got["1"].Name != c.want || got["2"].Name != "c" {
			t.Errorf("of one that is %s and %s: %v", c.first, c.second, got)
		}
	}
}
