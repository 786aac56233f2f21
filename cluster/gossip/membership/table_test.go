package membership

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// view is a table in a test, with what it reported and spread.
type view struct {
	*Table
	self   string
	events []string
	spread []message.Intent
}

func newView(self string) *view {
	v := &view{self: self}
	v.Table = NewTable(Config{
		Self: self, FailedFor: 72 * time.Hour, LeftFor: 24 * time.Hour,
		Report: func(c Change, m cluster.Member) {
			v.events = append(v.events, fmt.Sprintf("%v %s %v", c, m.Name, m.Status))
		},
		Spread: func(i message.Intent) { v.spread = append(v.spread, i) },
	})
	v.Joined(node(self))
	v.take()
	return v
}

// take is the events since the last take.
func (v *view) take() string {
	events := strings.Join(v.events, ", ")
	v.events = nil
	return events
}

func node(name string) cluster.Member {
	return cluster.Member{Name: name, Addr: netip.MustParseAddrPort("10.0.0.1:8301"), Tags: map[string]string{"name": name}}
}

// step is one thing that happens to a table.
type step struct {
	what  string // "come n2", "go n2", "update n2", or a kind of intent with name and time: "leave n2 7"
	news  bool   // of an intent: it is to be spread
	event string // what is reported
}

var intentKinds = map[string]message.IntentKind{"join": message.JoinIntent, "leave": message.LeaveIntent, "prune": message.PruneIntent}

func intent(kind, name string, at message.Time) message.Intent {
	return message.Intent{Kind: intentKinds[kind], Name: name, Time: at}
}

func (v *view) do(t *testing.T, s step) {
	t.Helper()
	var verb, name string
	var time message.Time
	_, _ = fmt.Sscan(s.what, &verb, &name, &time)
	news := false
	switch verb {
	case "come":
		v.Joined(node(name))
	case "go":
		v.Lost(name)
	case "update":
		v.Updated(node(name))
	default:
		news = v.Hear(intent(verb, name, time))
	}
	if got := v.take(); got != s.event || news != s.news {
		t.Errorf("%s: reported %q, news %v; want %q, %v", s.what, got, news, s.event, s.news)
	}
}

func TestTable(t *testing.T) {
	for name, steps := range map[string][]step{
		"a member fails and comes back": {
			{"come n2", false, "join n2 alive"},
			{"go n2", false, "fail n2 failed"},
			{"go n2", false, ""},
			{"come n2", false, "join n2 alive"},
		},
		"a member says that it leaves, and does": {
			{"come n2", false, "join n2 alive"},
			{"leave n2 3", true, "update n2 leaving"},
			{"leave n2 3", false, ""},
			{"go n2", false, "leave n2 left"},
		},
		"that it left is heard after it is gone": {
			{"come n2", false, "join n2 alive"},
			{"go n2", false, "fail n2 failed"},
			{"leave n2 3", true, "leave n2 left"},
		},
		"that it leaves is heard before it is known": {
			{"leave n2 3", true, ""},
			{"leave n2 3", false, ""},
			{"leave n2 2", false, ""},
			{"come n2", false, "join n2 leaving"},
			{"go n2", false, "leave n2 left"},
		},
		"that it leaves is said at the very time at which it said that it is here": {
			{"come n2", false, "join n2 alive"},
			{"join n2 3", true, ""},
			{"leave n2 3", true, "update n2 leaving"},
			{"join n2 3", false, ""},
			{"leave n2 3", false, ""},
			{"go n2", false, "leave n2 left"},
			{"prune n2 3", true, "reap n2 left"},
		},
		"so, heard before it is known": {
			{"join n2 3", true, ""},
			{"leave n2 3", true, ""},
			{"join n2 3", false, ""},
			{"come n2", false, "join n2 leaving"},
		},
		"what is of no time counts for nothing": {
			{"come n2", false, "join n2 alive"},
			{"leave n2 0", false, ""},
		},
		"a member thinks better of it": {
			{"come n2", false, "join n2 alive"},
			{"leave n2 3", true, "update n2 leaving"},
			{"join n2 4", true, "update n2 alive"},
			{"go n2", false, "fail n2 failed"},
		},
		"an old leave does not take a member away that has come back": {
			{"come n2", false, "join n2 alive"},
			{"leave n2 3", true, "update n2 leaving"},
			{"go n2", false, "leave n2 left"},
			{"come n2", false, "join n2 alive"},
			{"leave n2 3", false, ""},
			{"join n2 5", true, ""},
			{"leave n2 4", false, ""},
			{"go n2", false, "fail n2 failed"},
		},
		"a join intent does not revive the dead": {
			{"come n2", false, "join n2 alive"},
			{"go n2", false, "fail n2 failed"},
			{"join n2 9", true, ""},
		},
		"a failed member is pruned": {
			{"come n2", false, "join n2 alive"},
			{"go n2", false, "fail n2 failed"},
			{"prune n2 3", true, "leave n2 left, reap n2 left"},
			{"prune n2 3", false, ""},
			{"come n2", false, "join n2 alive"},
			{"prune n2 3", false, ""},
		},
		"a member that left is pruned": {
			{"come n2", false, "join n2 alive"},
			{"leave n2 1", true, "update n2 leaving"},
			{"go n2", false, "leave n2 left"},
			{"prune n2 3", true, "reap n2 left"},
		},
		"a member is pruned before its failure is seen": {
			{"come n2", false, "join n2 alive"},
			{"prune n2 3", true, "update n2 leaving"},
			{"go n2", false, "leave n2 left, reap n2 left"},
		},
		"a living member is pruned and refutes it": {
			{"come n2", false, "join n2 alive"},
			{"prune n2 3", true, "update n2 leaving"},
			{"join n2 4", true, "update n2 alive"},
			{"go n2", false, "fail n2 failed"},
		},
		"a time that cannot be": {
			{"come n2", false, "join n2 alive"},
			{fmt.Sprintf("leave n2 %d", uint64(maxAhead)+2), false, ""},
			{"leave n2 1", true, "update n2 leaving"},
		},
		"tags change while it leaves": {
			{"come n2", false, "join n2 alive"},
			{"leave n2 3", true, "update n2 leaving"},
			{"update n2", false, "update n2 leaving"},
		},
		"news of nobody": {
			{"update n2", false, ""},
			{"go n2", false, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newView("n1")
			for _, s := range steps {
				v.do(t, s)
			}
		})
	}
}

func TestTableRefutesWhatIsSaidOfItself(t *testing.T) {
	v := newView("n1")
	v.do(t, step{"leave n1 7", false, ""})
	v.do(t, step{"prune n1 20", false, ""})
	v.Announce() // 22
	v.do(t, step{"leave n1 22", false, ""})
	v.do(t, step{"leave n1 22", false, ""}) // an echo: refuted already
	want := []message.Intent{intent("join", "n1", 8), intent("join", "n1", 21), intent("join", "n1", 22), intent("join", "n1", 23)}
	if !slices.Equal(v.spread, want) {
		t.Errorf("spread %v, want %v", v.spread, want)
	}
	v.Leave()
	v.take()
	v.do(t, step{"prune n1 30", true, ""}) // it is leaving indeed
	v.do(t, step{"go n1", false, "leave n1 left"})
	if len(v.spread) != len(want) {
		t.Errorf("spread %v", v.spread[len(want):])
	}
}

// tell gives the second what the first knows, by way of the wire.
func tell(from, to *view) {
	var s message.State
	from.Tell(&s)
	s, err := message.DecodeState(s.Encode())
	if err != nil {
		panic(err)
	}
	to.Merge(s)
}

func TestMergeTellsOfTheGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newView("n1"), newView("n2")
		for _, name := range []string{"failed", "left"} {
			one.Joined(node(name))
		}
		one.Hear(intent("leave", "left", 4))
		one.Lost("left")
		one.Lost("failed")
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
		tell(one, two)
		if got := two.take(); got != "fail failed failed, leave left left" {
			t.Errorf("reported %q", got)
		}
		for _, name := range []string{"failed", "left"} {
			a, b := one.records[name], two.records[name]
			if a.member.Addr != b.member.Addr || b.member.Tags["name"] != name || a.time != b.time || b.gone.Sub(a.gone).Abs() > time.Millisecond {
				t.Errorf("told %+v of %+v", b, a)
			}
		}
		tell(one, two)
		if got := two.take(); got != "" {
			t.Errorf("told twice, reported %q", got)
		}
	})
}

func TestMergeDoesNotBringBackThePruned(t *testing.T) {
	one, two, three := newView("n1"), newView("n2"), newView("n3")
	for _, v := range []*view{one, two} {
		v.Joined(node("n4"))
		v.Lost("n4")
		v.take()
	}
	one.WriteOff("n4", true)
	one.take()
	tell(two, one) // two has not heard of it
	if got := one.take(); got != "" || one.records["n4"] != nil {
		t.Errorf("brought back: %q", got)
	}
	tell(one, two)
	if got := two.take(); got != "leave n4 left, reap n4 left" {
		t.Errorf("two reported %q", got)
	}
	tell(two, three)
	if got := three.take(); got != "" || three.records["n4"] != nil {
		t.Errorf("three reported %q", got)
	}
}

func TestMergeSettlesWhoIsLeaving(t *testing.T) {
	one, two := newView("n1"), newView("n2")
	for _, v := range []*view{one, two} {
		v.Joined(node("n3"))
		v.take()
	}
	one.Hear(intent("leave", "n3", 5))
	tell(one, two)
	if got := two.take(); got != "update n3 leaving" {
		t.Errorf("two reported %q", got)
	}
	two.Hear(intent("join", "n3", 6))
	tell(two, one)
	if one.records["n3"].member.Status != cluster.StatusAlive {
		t.Error("one did not hear that n3 stays")
	}
	tell(one, two)
	if two.records["n3"].member.Status != cluster.StatusAlive {
		t.Error("two was talked out of it")
	}
}

func TestMergeAboutItself(t *testing.T) {
	one, two := newView("n1"), newView("n2")
	two.Joined(node("n1"))
	two.Hear(intent("leave", "n1", 5))
	two.Lost("n1")
	tell(two, one)
	if got := one.records["n1"].member.Status; got != cluster.StatusAlive {
		t.Errorf("n1 believes that it is %v", got)
	}
	if want := []message.Intent{intent("join", "n1", 6)}; !slices.Equal(one.spread, want) {
		t.Errorf("spread %v, want %v", one.spread, want)
	}
}

func TestReapAfterTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newView("n1")
		v.Joined(node("failed"))
		v.Joined(node("left"))
		v.Joined(node("alive"))
		v.Hear(intent("leave", "left", 1))
		v.Lost("left")
		v.Lost("failed")
		v.take()
		at := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after) //nolint:forbidigo // the bubble's clock
			v.Reap()
			if got := v.take(); got != want {
				t.Errorf("reported %q, want %q", got, want)
			}
		}
		at(24*time.Hour-time.Second, "")
		at(time.Second, "reap left left")
		at(48*time.Hour-time.Second, "")
		at(time.Second, "reap failed failed")
		at(1000*time.Hour, "")
	})
}

func TestAboutToBeReapedIsNotTakenInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newView("n1"), newView("n2")
		one.Joined(node("n3"))
		one.Lost("n3")
		time.Sleep(72*time.Hour - time.Minute) //nolint:forbidigo // the bubble's clock
		tell(one, two)
		if got := two.take(); got != "" {
			t.Errorf("reported %q", got)
		}
	})
}

func TestEarlyIntentsAreBoundedAndExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newView("n1")
		for i := range maxEarly + 5 {
			time.Sleep(time.Millisecond) //nolint:forbidigo // the bubble's clock
			v.Hear(intent("leave", fmt.Sprint("x", i), 1))
		}
		if _, kept := v.early["x4"]; len(v.early) != maxEarly || kept {
			t.Errorf("%d are kept, the fifth: %v", len(v.early), kept)
		}
		time.Sleep(earlyFor) //nolint:forbidigo // the bubble's clock
		v.Reap()
		if len(v.early) != 0 {
			t.Errorf("%d are kept too long", len(v.early))
		}
	})
}
