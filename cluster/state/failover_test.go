package state

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestPutGroup(t *testing.T) {
	w := newWorld(t)
	g := group("g", "10.0.0.100/24", "2001:db8::100/64")
	w.do(&cluster.PutGroup{Group: g, CAS: true})
	w.do(&cluster.PutGroup{Group: g})
	if got := w.View().Group("g"); got.CreateIndex != 10 || got.ModifyIndex != 10 || !got.Equal(&g) {
		t.Errorf("after the same group twice: %+v", got)
	}
	w.refused(&cluster.PutGroup{Group: g, CAS: true}, cluster.Conflict, `group "g" has ModifyIndex 10, not 0`)
	g.ModifyIndex = 9
	w.refused(&cluster.PutGroup{Group: g, CAS: true}, cluster.Conflict, "not 9")
	g.ModifyIndex, g.Prefer = 10, []string{"n1"}
	w.do(&cluster.PutGroup{Group: g, CAS: true})
	if got := w.View().Group("g"); got.CreateIndex != 10 || got.ModifyIndex != w.index {
		t.Errorf("after a change: %+v", got)
	}
	h := group("h", "10.0.0.100/25")
	w.refused(&cluster.PutGroup{Group: h}, cluster.Conflict, `group "h" cannot have the vip 10.0.0.100: group "g" has it already`)
	w.refused(&cluster.PutGroup{Group: group("h", "2001:db8:0::100/64")}, cluster.Conflict, "2001:db8::100")
	w.refused(&cluster.PutGroup{Group: group("h")}, cluster.Invalid, "no vip")
	h.ModifyIndex = 3
	h.VIPs[0].Prefix = netip.MustParsePrefix("10.0.0.101/25")
	w.refused(&cluster.PutGroup{Group: h, CAS: true}, cluster.Conflict, "does not exist")
	w.do(&cluster.PutGroup{Group: h})
	w.do(&cluster.PutGroup{Group: group("g", "10.0.0.102/24")})
	w.do(&cluster.PutGroup{Group: group("h", "10.0.0.100/24")}) // g has let go of it
	wantNames(t, "groups", names(w.View().Groups(), func(g *cluster.Group) string { return g.Name }), "g", "h")
	wantNames(t, "timeline", names(w.View().Timeline("g", 0), func(t *cluster.Transition) string { return t.Why + ": " + t.Detail }),
		"the group was created: vip 10.0.0.100/24, vip 2001:db8::100/64",
		"the group was changed: vip 10.0.0.100/24, vip 2001:db8::100/64; prefer n1",
		"the group was changed: vip 10.0.0.102/24")
}

func TestDescribe(t *testing.T) {
	g := group("g", "10.0.0.100/24")
	g.VIPs[0].Interface, g.Service, g.Preempt = "eth1", "web", true
	if got, want := describe(&g), "vip 10.0.0.100/24 on eth1; service web; preempt"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeleteGroup(t *testing.T) {
	w := settled(t)
	w.refused(&cluster.DeleteGroup{Name: "none"}, cluster.NotFound, `"none"`)
	w.do(&cluster.DeleteGroup{Name: "g"})
	v := w.View()
	if v.Group("g") != nil || v.Assignment("g") != nil || len(v.Assignments()) != 0 {
		t.Error("something of the group is left")
	}
	if last := v.Timeline("g", 1); len(last) != 1 || last[0].Why != "the group was deleted" || !last[0].Time.Equal(w.now) {
		t.Errorf("the end of the timeline: %+v", last)
	}
}

func assign(group, node string, epoch uint64) *cluster.Steer {
	return &cluster.Steer{Assignments: []cluster.Assignment{{Group: group, Node: node, Epoch: epoch}}}
}

// TestPin holds that an operator's choice of the present holder changes nothing else of its assignment.
func TestPin(t *testing.T) {
	w := newWorld(t)
	g := group("g", "10.0.0.100/24")
	now := cluster.Assignment{Group: "g", Node: "n1", Epoch: 1, VIPs: g.VIPs, Why: "the best", Since: time.Unix(7, 0)}
	pinned := now
	pinned.Moved, pinned.Why = true, "an operator chose it"
	steer := func(change func(*cluster.Assignment)) *cluster.Steer {
		a := pinned
		change(&a)
		return &cluster.Steer{Assignments: []cluster.Assignment{a}}
	}
	w.do(&cluster.PutGroup{Group: g})
	w.do(&cluster.Steer{Assignments: []cluster.Assignment{now}})
	for name, change := range map[string]func(*cluster.Assignment){
		"another holder":     func(a *cluster.Assignment) { a.Node = "n2" },
		"no holder":          func(a *cluster.Assignment) { a.Node = "" },
		"other addresses":    func(a *cluster.Assignment) { a.VIPs = group("g", "10.0.0.101/24").VIPs },
		"an older epoch":     func(a *cluster.Assignment) { a.Epoch = 0 },
		"a later decision":   func(a *cluster.Assignment) { a.Since = time.Unix(8, 0) },
		"nobody chose it":    func(a *cluster.Assignment) { a.Moved = false },
		"a group that is no": func(a *cluster.Assignment) { a.Group = "h" },
	} {
		t.Run(name, func(t *testing.T) { w.refused(steer(change), cluster.Conflict, "were refused") })
	}
	v := w.WatchView()
	v.Assignment("g")
	w.do(steer(func(*cluster.Assignment) {}))
	pinned.ModifyIndex = w.index
	if got := w.View().Assignment("g"); !reflect.DeepEqual(*got, pinned) {
		t.Errorf("the assignment is %+v, want %+v", got, pinned)
	}
	if err := v.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	w.refused(steer(func(*cluster.Assignment) {}), cluster.Conflict, "were refused")
	w.do(assign("g", "n2", 2))
}

// TestEpochs holds that a group's epoch only ever rises by one, even when the group is deleted and created again.
func TestEpochs(t *testing.T) {
	w := settled(t) // g is assigned to n1 with epoch 1
	for _, epoch := range []uint64{0, 1, 3} {
		w.refused(assign("g", "n2", epoch), cluster.Conflict, "g")
	}
	w.refused(assign("none", "n2", 1), cluster.Conflict, "none")
	w.do(assign("g", "n2", 2))
	if a := w.View().Assignment("g"); a.Node != "n2" || a.Epoch != 2 || a.ModifyIndex != w.index {
		t.Errorf("assignment: %+v", a)
	}
	w.do(&cluster.DeleteGroup{Name: "g"})
	w.refused(assign("g", "n1", 3), cluster.Conflict, "g")
	w.do(&cluster.PutGroup{Group: group("g", "10.0.0.100/24")})
	if a := w.View().Assignment("g"); a == nil || a.Node != "" || a.Epoch != 3 || a.Why == "" {
		t.Errorf("assignment of a group that was created again: %+v", a)
	}
	w.refused(assign("g", "n1", 1), cluster.Conflict, "g")
	w.do(assign("g", "n1", 4))
	if w.View().Assignment("h") != nil {
		t.Error("a group that never had an assignment has one")
	}
}

func TestSteerKeepsWhatItAccepts(t *testing.T) {
	w := settled(t)
	_, err := w.try(&cluster.Steer{
		Presences:   []cluster.Presence{{Node: "N1", Why: "lost"}, {Node: "n2", Live: true}},
		Assignments: []cluster.Assignment{{Group: "g", Node: "n2", Epoch: 1}, {Group: "h", Node: "n2", Epoch: 1}, {Group: "none", Node: "n2", Epoch: 1}, {Group: "h", Epoch: 5}},
		Transitions: []cluster.Transition{
			{Kind: cluster.TransitionPresence, Node: "n1"},
			{Kind: cluster.TransitionAssign, Group: "g"},
			{Kind: cluster.TransitionAssign, Group: "h", Epoch: 1},
			{Kind: cluster.TransitionAssign, Group: "h", Epoch: 5},
		},
	})
	if cluster.CodeOf(err) != cluster.Conflict || !strings.HasSuffix(err.Error(), ": g, none, h") {
		t.Errorf("error: %v", err)
	}
	v := w.View()
	if v.Assignment("g").Node != "n1" || v.Assignment("h").Node != "n2" || v.Presence("n1").Live || !v.Presence("n2").Live {
		t.Errorf("assignments %+v, presences %+v", v.Assignments(), v.Presences())
	}
	wantNames(t, "timeline", names(v.Timeline("", 2), func(t *cluster.Transition) string { return fmt.Sprint(t.Kind, t.Group, t.Epoch) }), "presence0", "assignh1")
	w.refused(&cluster.Steer{Presences: []cluster.Presence{{Node: "n3"}, {}}}, cluster.Invalid, "names no node")
}

func TestPresenceChanges(t *testing.T) {
	base := cluster.Presence{Node: "n1", Live: true, Why: "w", Since: time.Unix(1, 0), Unable: map[string]string{"g": "x"}, HardwareAddrs: []string{"m"}}
	for name, change := range map[string]func(*cluster.Presence){
		"live":   func(p *cluster.Presence) { p.Live = false },
		"why":    func(p *cluster.Presence) { p.Why = "v" },
		"since":  func(p *cluster.Presence) { p.Since = time.Unix(2, 0) },
		"unable": func(p *cluster.Presence) { p.Unable = nil },
		"macs":   func(p *cluster.Presence) { p.HardwareAddrs = nil },
		"":       func(p *cluster.Presence) { p.Since = p.Since.UTC() },
	} {
		w := newWorld(t)
		w.do(&cluster.Steer{Presences: []cluster.Presence{base}})
		p := base
		change(&p)
		w.do(&cluster.Steer{Presences: []cluster.Presence{p}})
		if moved := w.View().Presence("n1").ModifyIndex == w.index; moved != (name != "") {
			t.Errorf("changed %q: moved %v", name, moved)
		}
	}
}

// TestPutGroups changes several groups at once, which may exchange addresses, or none.
func TestPutGroups(t *testing.T) {
	w := newWorld(t)
	g, h, i := group("g", "10.0.0.100/24"), group("h", "10.0.0.101/24"), group("i", "10.0.0.102/24")
	for _, x := range []struct {
		groups []cluster.Group
		code   cluster.Code
		want   string
	}{
		{[]cluster.Group{g, h, group("j")}, cluster.Invalid, "no vip"},
		{[]cluster.Group{g, h, g}, cluster.Invalid, `the group "g" is given twice`},
		{[]cluster.Group{g, h, group("i", "10.0.0.101/24")}, cluster.Conflict, `group "i" cannot have the vip 10.0.0.101: group "h" is to have it`},
	} {
		w.refused(&cluster.PutGroups{Groups: x.groups}, x.code, x.want)
	}
	w.do(&cluster.PutGroups{Groups: []cluster.Group{g, h}})
	w.do(&cluster.PutGroup{Group: i})
	w.refused(&cluster.PutGroups{Groups: []cluster.Group{group("g", "10.0.0.101/24"), group("h", "10.0.0.102/24")}}, cluster.Conflict, `group "h" cannot have the vip 10.0.0.102: group "i" has it already`)

	before := w.View().Group("g").CreateIndex
	w.do(&cluster.PutGroups{Groups: []cluster.Group{group("g", "10.0.0.101/24"), group("h", "10.0.0.100/24"), i}})
	v := w.View()
	wantNames(t, "groups", names(v.Groups(), func(g *cluster.Group) string { return g.Name + " " + g.VIPs[0].Prefix.String() }), "g 10.0.0.101/24", "h 10.0.0.100/24", "i 10.0.0.102/24")
	if at := v.Group("g"); at.CreateIndex != before || at.ModifyIndex != w.index || v.Group("i").ModifyIndex == w.index {
		t.Errorf("g was created at %d and changed at %d, i changed at %d: want %d, %d and earlier", at.CreateIndex, at.ModifyIndex, v.Group("i").ModifyIndex, before, w.index)
	}
	w.refused(&cluster.PutGroup{Group: group("j", "10.0.0.100/24")}, cluster.Conflict, `group "h" has it already`)
}

func TestTimeline(t *testing.T) {
	w := newWorld(t)
	var many []cluster.Transition
	for i := range cluster.TimelineSize {
		many = append(many, cluster.Transition{Group: "old", Why: strconv.Itoa(i), Index: 7, Seq: 7})
	}
	w.do(&cluster.Record{Transitions: many})
	last := w.View().Timeline("old", 2)
	if len(last) != 2 || last[0].Why != "998" || last[1].Why != "999" || last[1].Index != w.index || last[1].Seq != 999 || !last[1].Time.Equal(w.now) {
		t.Fatalf("the end of the timeline: %+v", last)
	}
	v := w.WatchView()
	v.Timeline("old", 0)
	told := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	w.do(&cluster.Record{Transitions: []cluster.Transition{{Group: "new", Why: "a", Time: told}, {Why: "b"}, {Group: "new", Why: "c"}}})
	if !v.r.moved() {
		t.Error("nobody woke when the oldest entries were dropped")
	}
	all := w.View().Timeline("", 0)
	if len(all) != cluster.TimelineSize || all[0].Why != "3" || all[len(all)-1].Why != "c" {
		t.Errorf("%d entries, from %q to %q", len(all), all[0].Why, all[len(all)-1].Why)
	}
	wantNames(t, "timeline of new", names(w.View().Timeline("new", 5), func(t *cluster.Transition) string { return t.Why }), "a", "c")
	if first := w.View().Timeline("new", 0)[0]; !first.Time.Equal(told) {
		t.Errorf("the time that was told was replaced by %s", first.Time)
	}
	twice := []cluster.Transition{{Group: "new", Why: "d", Time: told}, {Group: "new", Why: "e", Time: told}}
	w.do(&cluster.Record{Transitions: twice})
	w.do(&cluster.Record{Transitions: twice}) // its author could not tell whether the first time counted
	wantNames(t, "timeline of what was written twice", names(w.View().Timeline("new", 3), func(t *cluster.Transition) string { return t.Why }), "c", "d", "e")
	w.do(&cluster.Record{Transitions: append(many, many...)})
	if n := len(w.View().Timeline("", 0)); n != cluster.TimelineSize {
		t.Errorf("%d entries after more than the timeline holds at once", n)
	}
	if v := w.View(); len(v.Timeline("new", 0)) != 0 || v.Index() != w.index {
		t.Errorf("index %d of an emptied timeline, want %d", v.Index(), w.index)
	}
}
