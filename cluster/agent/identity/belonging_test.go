package identity

import (
	"net/netip"
	"strings"
	"testing"

	"holdfast/cluster"
)

// TestJudge holds whom a member lets in, by what each of the two knows of its cluster.
func TestJudge(t *testing.T) {
	const none, unnamed, old = cluster.NoCluster, cluster.UnnamedCluster, ""
	fresh := func(*Belonging) {}
	begun := func(b *Belonging) { b.Begin() }
	named := func(b *Belonging) { b.Settle("id-a") }
	courted := func(b *Belonging) { _ = b.Judge(saying("id-a"), nil) }
	for _, x := range []struct {
		name    string
		ours    func(*Belonging)
		theirs  string
		seated  bool
		refused string // "" for taken in
	}{
		{"both new", fresh, none, false, ""},
		{"a new one meets a cluster", fresh, "id-b", false, ""},
		{"a new one meets a cluster without an ID", fresh, unnamed, false, ""},
		{"a new one meets an older version", fresh, old, false, ""},
		{"about to be admitted, it meets that cluster", courted, "id-a", false, ""},
		{"about to be admitted, it meets another", courted, "id-b", false, "belongs to the cluster id-b, and this agent to the cluster id-a"},

		{"a cluster meets a new one", named, none, false, ""},
		{"one cluster", named, "id-a", false, ""},
		{"two clusters", named, "id-b", false, "belongs to the cluster id-b, and this agent to the cluster id-a"},
		{"two clusters, and a seat", named, "id-b", true, "belongs to the cluster id-b, and this agent to the cluster id-a"},
		{"one that has not learned the ID", named, unnamed, true, ""},
		{"one of a cluster without an ID", named, unnamed, false, "belongs to a cluster that has no ID yet, and this agent to id-a"},
		{"one with a seat that was downgraded", named, old, true, ""},
		{"a stranger of an older version", named, old, false, "does not say which cluster it belongs to, and this agent belongs to id-a: upgrade it"},

		{"without an ID, it meets a new one", begun, none, false, ""},
		{"without an ID, it meets its own", begun, "id-a", true, ""},
		{"without an ID, it meets another cluster", begun, "id-b", false, "belongs to the cluster id-b, and this agent to one that has no ID yet"},
		{"both without an ID, one cluster", begun, unnamed, true, ""},
		{"both without an ID, two clusters", begun, unnamed, false, "belongs to a cluster that has no ID yet, and this agent to another one without"},
		{"without an ID, it meets an older version", begun, old, false, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := NewBelonging()
			x.ours(b)
			err := b.Judge(saying(x.theirs), func() bool { return x.seated })
			switch {
			case x.refused == "" && err != nil:
				t.Error(err)
			case x.refused != "" && (cluster.CodeOf(err) != cluster.Conflict || !strings.Contains(err.Error(), x.refused)):
				t.Errorf("error %v, want a Conflict with %q", err, x.refused)
			}
		})
	}
}

func saying(tag string) cluster.Member {
	m := cluster.Member{Name: "n2", Addr: netip.MustParseAddrPort("10.0.0.2:8301"), Tags: map[string]string{}}
	if tag != "" {
		m.Tags[cluster.TagCluster] = tag
	}
	return m
}

// TestBelongingAnnounces goes through the life of a member.
func TestBelongingAnnounces(t *testing.T) {
	b := NewBelonging()
	want := func(when, tag, side, hearsay string) {
		t.Helper()
		if b.Tag() != tag || b.Side() != side || b.Hearsay() != hearsay {
			t.Errorf("%s: announces %q, sides with %q, has heard %q; want %q, %q, %q", when, b.Tag(), b.Side(), b.Hearsay(), tag, side, hearsay)
		}
	}
	want("new", cluster.NoCluster, "", "")
	_ = b.Judge(saying("id-a"), nil)
	want("about to be admitted", cluster.NoCluster, "id-a", "")
	b.Settle("id-a")
	want("admitted", "id-a", "id-a", "")

	b = NewBelonging()
	b.Begin()
	want("begun", cluster.UnnamedCluster, "", "")
	_ = b.Judge(saying("id-b"), func() bool { return false })
	want("after meeting a stranger", cluster.UnnamedCluster, "", "")
	_ = b.Judge(saying("id-a"), func() bool { return true })
	want("after meeting its own", cluster.UnnamedCluster, "", "id-a")
}
