package failover

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/lease"
	"holdfast/failover/outbox"
	"holdfast/failover/vip"
)

// TestTakeOrder holds that a group is taken in the one safe order: the fence is there before the address, the address before the claim,
// and only the lease opens the fence.
func TestTakeOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.slow = 5 * time.Millisecond // so that what comes too early is heard too early
		s.refuses = true
		s.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24", "2001:db8::100/64")))
		s.Assign("g", "n1", false)
		s.start()
		s.renewsAgain(4)
		s.wantOrder(0, "attach", "manage 10.0.0.100", "put 10.0.0.100", "attach", "manage 2001:db8::100", "put 2001:db8::100", "claim g 1")
		if h := s.controller.Holdings(); len(h) != 1 || h[0].Phase != "claiming" || h[0].Remaining != 0 || h[0].Fence != "bench" {
			t.Errorf("holdings without a lease: %+v", h)
		}
		s.never(0, "open 10.0.0.100")
		s.never(0, "announce 10.0.0.100")
		s.set(func() { s.refuses = false })
		failovertest.Eventually(t, "both addresses are announced", func() bool { return s.has("announce 10.0.0.100") && s.has("announce 2001:db8::100") })
		s.wantOrder(0, "claim g 1", "open 10.0.0.100", "announce 10.0.0.100")
		s.wantOrder(0, "claim g 1", "open 2001:db8::100", "announce 2001:db8::100")
		failovertest.Eventually(t, "the timeline tells", func() bool {
			return slices.Contains(s.Told(cluster.TransitionAcquire), "n1 has the lease, opened the fence and announced the addresses")
		})
		failovertest.Eventually(t, "the holding is shown", func() bool {
			h := s.controller.Holdings()
			return len(h) == 1 && h[0].Phase == "serving" && h[0].Epoch == 1 && h[0].Remaining > 0 && h[0].Remaining <= testTTL &&
				slices.Equal(h[0].Addresses, []string{"10.0.0.100/24 on eth0", "2001:db8::100/64 on eth0"})
		})
	})
}

// TestOtherLeaseTTL holds that a machine on which leases last for another time than at the leader says so and takes no group, and that it keeps the one
// that it has.
func TestOtherLeaseTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Do(failovertest.Put(failovertest.GroupOf("h", "10.0.0.101/24")))
		s.Assign("g", "n1", false)
		s.start().serves()
		s.set(func() { s.ttl = testTTL + time.Second })
		failovertest.Eventually(t, "it says that it takes no group", func() bool {
			u := s.last().Unable
			return len(u) == 1 && u["h"] == "failover.lease_ttl is 400ms here and 1.4s at the leader: set the same on every machine"
		})
		if !s.serving("10.0.0.100") {
			t.Error("it gave up the group that it had")
		}
		s.set(func() { s.ttl = testTTL })
		failovertest.Eventually(t, "it takes groups again", func() bool { return len(s.last().Unable) == 0 })
	})
}

// TestServesWhileRenewed holds that renewals keep the fence open without a gap, longer than one lease.
func TestServesWhileRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		n := s.len()
		s.renewsAgain(8)
		s.never(n, "open 10.0.0.100") // it is written down only where it was shut before
		s.never(n, "shut 10.0.0.100")
		s.never(n, "remove 10.0.0.100")
		if !s.serving("10.0.0.100") {
			t.Error("the lease has ended")
		}
	})
}

// TestRenewsWithTheBeat holds that a machine that is awake anyway renews then, but no more often than every fifth of a TTL.
func TestRenewsWithTheBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.opts.TTL = time.Hour // by its own clock it would not renew in this test
		s.start()
		failovertest.Eventually(t, "the channel is open", func() bool { return len(s.heard()) > 0 })
		n := len(s.heard())
		for range 3 {
			s.beats <- struct{}{}
		}
		s.controller.tell(t.Context(), func() { s.controller.renewed = time.Now().Add(-s.opts.TTL / 5) })
		if more := len(s.heard()) - n; more > 0 {
			t.Errorf("three beats right after a renewal made %d more", more)
		}
		failovertest.Eventually(t, "a beat after a while renews", func() bool {
			select {
			case s.beats <- struct{}{}:
			default:
			}
			return len(s.heard()) > n
		})
	})
}

// TestOlderDeletion has the leader tell of an epoch while this member's log is behind, and still deletes an earlier group of that name: the newer one
// is not given back. Its own deletion is heeded.
func TestOlderDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		s.push(lease.Answer{Assignments: []cluster.Assignment{{Group: "g", Node: "n1", Epoch: 3, Why: "later", VIPs: failovertest.GroupOf("g", "10.0.0.100/24").VIPs}}})
		claims := func(epoch uint64) func() bool {
			return func() bool { return slices.Contains(s.last().Claims, lease.Claim{Group: "g", Epoch: epoch}) }
		}
		failovertest.Eventually(t, "it claims the epoch that the leader told of", claims(3))
		s.Do(&cluster.DeleteGroup{Name: "g"})
		s.renewsAgain(3)
		if r := s.last(); !claims(3)() || len(r.Unable) > 0 {
			t.Errorf("after an older deletion it says %+v", r)
		}
		s.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24"))) // epoch 2
		s.Assign("g", "n1", false)                                         // epoch 3
		s.serves()
		if s.has("release g 3") {
			t.Error("epoch 3 was given back")
		}
		s.Do(&cluster.DeleteGroup{Name: "g"})
		failovertest.Eventually(t, "it is given back with its own group", func() bool { return s.has("release g 3") })
	})
}

// TestReleaseOrder holds that a group is given back in the one safe order: the fence is shut before the leader hears of it, and the
// address goes after that.
func TestReleaseOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		why  string
		lose func(s *stage)
	}{
		{"to another machine", "it goes to n2: so it was decided", func(s *stage) { s.Assign("g", "n2", false) }},
		{"to nobody", "no machine is to hold it: so it was decided", func(s *stage) { s.Assign("g", "", false) }},
		{"deleted", "the group was deleted", func(s *stage) { s.Do(&cluster.DeleteGroup{Name: "g"}) }},
		{"told by the leader alone", "it goes to n3: faster", func(s *stage) {
			s.push(lease.Answer{Assignments: []cluster.Assignment{{Group: "g", Node: "n3", Epoch: 2, Why: "faster"}}})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.slow = 5 * time.Millisecond
				s.Assign("g", "n1", false)
				s.start().serves()
				n := s.len()
				c.lose(s)
				failovertest.Eventually(t, "the address is gone and forgotten", func() bool { return s.has("forget 10.0.0.100") })
				s.wantOrder(n, "shut 10.0.0.100", "release g 1", "remove 10.0.0.100", "forget 10.0.0.100")
				s.renewsAgain(3)
				if r := s.last(); len(r.Claims)+len(r.Live)+len(r.Released) != 0 {
					t.Errorf("after the release was acknowledged it says %+v", r)
				}
				s.never(n, "open 10.0.0.100")
				failovertest.Eventually(t, "the timeline tells why", func() bool {
					return slices.Contains(s.Told(cluster.TransitionRelease), "n1 fenced the addresses and gave the lease back: "+c.why)
				})
			})
		})
	}
}

// TestReleaseIsRepeated holds that a release is said again until it is acknowledged, to whoever leads by then.
func TestReleaseIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		s.set(func() { s.mute = true })
		s.Assign("g", "n2", false)
		released := func() bool { return slices.Contains(s.last().Released, lease.Claim{Group: "g", Epoch: 1}) }
		failovertest.Eventually(t, "the release is heard", released)
		s.set(func() { s.renewals = nil })
		s.replaced()
		failovertest.Eventually(t, "the next leader hears it", released)
		s.set(func() { s.mute = false })
		failovertest.Eventually(t, "it is acknowledged", func() bool { return len(s.last().Released) == 0 })
	})
}

// TestNothingOpensAfterRelease holds that a grant which was under way when the group was given back comes to nothing.
func TestNothingOpensAfterRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.set(func() { s.mute = true })
		s.Assign("g", "n1", false)
		s.start()
		failovertest.Eventually(t, "the claim is heard", func() bool { return s.has("claim g 1") })
		var asked *lease.Renewal
		for _, r := range s.heard() {
			if len(r.Claims) > 0 {
				asked = r
			}
		}
		s.Assign("g", "n2", false)
		failovertest.Eventually(t, "the release is heard", func() bool { return s.has("release g 1") })
		s.grantLate(asked)
		s.renewsAgain(2)
		s.never(0, "open 10.0.0.100")
	})
}

// TestNewAddressesTakeANewEpoch holds that changed addresses are a release and a claim, and that the old address is gone.
func TestNewAddressesTakeANewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		n := s.len()
		s.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.101/24")))
		s.Assign("g", "n1", false)
		failovertest.Eventually(t, "the new address is served", func() bool { return s.serving("10.0.0.101") })
		s.wantOrder(n, "shut 10.0.0.100", "remove 10.0.0.100", "manage 10.0.0.101", "put 10.0.0.101", "open 10.0.0.101")
		s.wantOrder(n, "release g 1", "claim g 2")
		if s.carries("10.0.0.100") {
			t.Error("the old address is there still")
		}
	})
}

// TestNoAddresses holds that a group which has given all its addresses to others and waits for new ones is carried by nobody, and begins again with them.
func TestNoAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		n := s.len()
		s.Do(&cluster.Steer{Assignments: []cluster.Assignment{{Group: "g", Node: "n1", Epoch: 2, Why: "it waits"}}})
		failovertest.Eventually(t, "the old epoch is given back", func() bool { return s.has("release g 1") })
		s.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.101/24")))
		s.Assign("g", "n1", false)
		failovertest.Eventually(t, "the new address is served", func() bool { return s.serving("10.0.0.101") })
		s.wantOrder(n, "shut 10.0.0.100", "remove 10.0.0.100", "manage 10.0.0.101", "open 10.0.0.101")
		if s.has("claim g 2") {
			t.Error("it claimed an epoch without addresses")
		}
	})
}

// TestConflict holds that another machine's claim is told, and that it is none where it is heard after the lease has ended.
func TestConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mac := net.HardwareAddr{2, 0, 0, 0, 0, 99}
		const sentence = "a machine that is no member (02:00:00:00:00:63) claims 10.0.0.100, which this machine serves"
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		x := vip.Conflict{Addr: netip.MustParseAddr("10.0.0.100"), HardwareAddr: mac}
		late := make(chan struct{})
		s.controller.tell(t.Context(), func() {
			defer close(late)
			s.controller.conflict(t.Context(), &carrier{group: "g", epoch: 1, deadline: now() - 1}, x)
		})
		<-late
		s.claims <- x
		failovertest.Eventually(t, "the timeline tells", func() bool { return len(s.Told(cluster.TransitionConflict)) > 0 })
		if got := s.Told(cluster.TransitionConflict); len(got) != 1 || got[0] != sentence {
			t.Errorf("the timeline tells %q, want once %q", got, sentence)
		}
	})
}

// TestConflictPolicy holds what becomes of a group whose address somebody else claims, or has.
func TestConflictPolicy(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 99}
	open := func(t *testing.T, policy string, change func(*stage)) *stage {
		t.Helper()
		s := newStage(t)
		g := failovertest.GroupOf("g", "10.0.0.100/24")
		g.OnConflict = policy
		s.Do(failovertest.Put(g))
		change(s)
		s.Assign("g", "n1", false)
		s.start()
		return s
	}
	x := vip.Conflict{Addr: netip.MustParseAddr("10.0.0.100"), HardwareAddr: mac}
	t.Run("yield", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, cluster.ConflictYield, func(*stage) {})
			s.serves()
			s.claims <- x
			failovertest.Eventually(t, "it is given back, and the leader hears why", func() bool {
				return s.has("release g 1") && strings.HasPrefix(s.last().Unable["g"], "10.0.0.100 is claimed by 02:00:00:00:00:63, which is no member of this cluster; it tries again after ")
			})
		})
	})
	t.Run("defend", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, cluster.ConflictDefend, func(s *stage) { s.stranger, s.opts.AnnounceEvery = mac, time.Hour })
			s.serves()
			failovertest.Eventually(t, "the burst is over", func() bool { return s.count("announce 10.0.0.100") == 2 })
			s.claims <- x
			failovertest.Eventually(t, "it is announced once more", func() bool { return s.count("announce 10.0.0.100") == 3 })
			s.never(0, "shut 10.0.0.100")
		})
	})
}

// TestStranger holds that an address that a machine outside the cluster has is never served beside it, and that a member does not count.
func TestStranger(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 99}
	const sentence = "10.0.0.100 is in use by 02:00:00:00:00:63, which is no member of this cluster, as seen on eth0"
	t.Run("stranger", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.stranger, s.refuses = mac, true
			s.Assign("g", "n1", false)
			s.start()
			failovertest.Eventually(t, "the leader hears why", func() bool { return strings.HasPrefix(s.last().Unable["g"], sentence+"; it tries again after ") })
			s.set(func() { s.refuses = false })
			s.renewsAgain(4)
			s.never(0, "open 10.0.0.100")
			failovertest.Eventually(t, "the timeline tells", func() bool { return slices.Contains(s.Told(cluster.TransitionConflict), sentence) })
		})
	})
	t.Run("nobody leads until it is tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.stranger, s.mute, s.opts.UnfitFor = mac, true, time.Nanosecond
			s.Assign("g", "n1", false)
			s.start()
			failovertest.Eventually(t, "it is given back", func() bool { return len(s.Told(cluster.TransitionConflict)) > 0 })
			s.set(func() { s.stranger, s.mute = nil, false })
			failovertest.Eventually(t, "the leader hears that this epoch is over", func() bool { return strings.HasPrefix(s.last().Unable["g"], "it has given epoch 1 back: ") })
			s.Assign("g", "", false)
			failovertest.Eventually(t, "it is able again", func() bool { return len(s.last().Unable) == 0 })
			s.Assign("g", "n1", false)
			s.serves()
		})
	})
	t.Run("member", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.stranger = mac
			p := failovertest.PresenceOf("n2", true, "live")
			p.Presences[0].HardwareAddrs = []string{mac.String()}
			s.Do(p)
			s.Assign("g", "n1", false)
			s.start().serves()
			s.renewsAgain(4)
			if u := s.last().Unable; len(u) != 0 {
				t.Errorf("unable: %v", u)
			}
		})
	})
}

// TestLapse holds that a machine whose lease ran out takes the address away and serves again with the next lease.
func TestLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		n := s.len()
		s.set(func() { s.mute = true })
		failovertest.Eventually(t, "the address is taken away", func() bool { return slices.Contains(s.since(n), "remove 10.0.0.100") })
		failovertest.Eventually(t, "the timeline tells", func() bool {
			return slices.Contains(s.Told(cluster.TransitionLapse), "n1 lost the lease: the leader did not renew it in time; the fence is closed")
		})
		if s.serving("10.0.0.100") {
			t.Error("it is served without a lease")
		}
		s.never(n, "release g 1") // it has nothing to give back
		s.set(func() { s.mute = false })
		s.serves()
		s.wantOrder(n, "remove 10.0.0.100", "put 10.0.0.100", "open 10.0.0.100")
	})
}

// TestRestartWithinLease holds that a daemon that is back before its lease ends carries on, and the clients see nothing of it.
func TestRestartWithinLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.opts.TTL = 20 * time.Second
		s.Assign("g", "n1", false)
		first := s.start()
		first.serves()
		n, heard := s.len(), len(s.heard())
		s.cancel()
		s.start()
		failovertest.Eventually(t, "the second daemon renews", func() bool { return len(s.heard()) > heard && len(s.last().Live) == 1 })
		failovertest.Eventually(t, "the timeline tells", func() bool {
			return slices.ContainsFunc(s.Told(cluster.TransitionAcquire), func(why string) bool { return strings.Contains(why, "carries on after a restart") })
		})
		for _, op := range []string{"shut", "remove", "open", "put", "forget"} {
			s.never(n, op+" 10.0.0.100")
		}
		if !s.serving("10.0.0.100") {
			t.Error("it is not served")
		}
	})
}

// TestRestartAfterLease holds that a daemon that comes back late starts from the beginning.
func TestRestartAfterLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.leave("10.0.0.100", now()-1)
		s.Assign("g", "n1", false)
		s.start().serves()
		for _, r := range s.heard() {
			if len(r.Live) > 0 {
				return // with the lease of this run
			}
			if len(r.Claims) > 0 {
				continue
			}
		}
		s.renewsAgain(2)
		if len(s.last().Live) != 1 {
			t.Errorf("it serves and does not say so: %+v", s.last())
		}
	})
}

// TestLeftovers holds that what an earlier daemon left is removed once the leader has spoken, but not while its lease lives, and not
// what belongs to others.
func TestLeftovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.leave("10.0.0.200", 0)
		s.leave("10.0.0.201", now().Add(2*time.Second))
		s.set(func() { s.away = true })
		s.start()
		failovertest.Eventually(t, "the loop runs", func() bool { return s.controller.tell(t.Context(), func() {}) })
		if !s.carries("10.0.0.200") {
			t.Error("it was removed before the leader has spoken")
		}
		s.set(func() { s.away = false })
		failovertest.Eventually(t, "the dead one is removed", func() bool { return !s.carries("10.0.0.200") && s.has("forget 10.0.0.200") })
		if !s.carries("10.0.0.201") {
			t.Error("one whose lease lives was removed")
		}
		failovertest.Eventually(t, "the other one follows when its lease has ended", func() bool { return !s.carries("10.0.0.201") && s.has("forget 10.0.0.201") })
		failovertest.Eventually(t, "the timeline tells", func() bool { return len(s.Told(cluster.TransitionRepair)) == 2 })
	})
}

// TestRepair holds that an address that something else took away is put back, and that the timeline says who it was.
func TestRepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for by, why := range map[string]string{
			"ip (pid 4711)": "ip (pid 4711) removed 10.0.0.100/24 on eth0; it was put back",
			"":              "something else removed 10.0.0.100/24 on eth0; it was put back",
			expired:         "the kernel, because this daemon stood still and did not renew it, removed 10.0.0.100/24 on eth0; it was put back",
		} {
			s := newStage(t)
			s.opts.RefreshEvery = time.Hour // which would put it back as well
			s.Assign("g", "n1", false)
			s.start().serves()
			s.takeAway("10.0.0.100", by)
			failovertest.Eventually(t, "it is back", func() bool { return s.serving("10.0.0.100") })
			failovertest.Eventually(t, "the timeline tells", func() bool { return slices.Contains(s.Told(cluster.TransitionRepair), why) })
		}
	})
}

// TestUnable holds that the leader hears at once what this machine cannot carry, and when it can again.
func TestUnable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.opts.TTL = time.Minute // so that only news are sent
		s.fail("resolve", errors.New("no interface has an address in 10.0.0.0/24"))
		s.start()
		failovertest.Eventually(t, "the leader hears why", func() bool { return s.last().Unable["g"] == "no interface has an address in 10.0.0.0/24" })
		s.fail("resolve", nil)
		failovertest.Eventually(t, "the leader hears that it is over", func() bool { return len(s.last().Unable) == 0 })
	})
}

// TestNoCarrier holds that a machine whose interface loses its carrier, or is removed, says so of the group that it serves there and of others, though the
// leader hears it still: a gateway has more than one cable.
func TestNoCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for kind, why := range map[vip.EventKind]string{
			vip.LinkDown: "eth0 is down, or has no carrier (vip 10.0.0.100/24)",
			vip.LinkGone: "eth0 is gone (vip 10.0.0.100/24)",
		} {
			s := newStage(t)
			s.Assign("g", "n1", false)
			s.start().serves()
			s.report <- vip.Event{Kind: kind, Interface: eth0}
			failovertest.Eventually(t, "the leader hears why", func() bool { return s.last().Unable["g"] == why })
			s.Assign("g", "n2", false)
			failovertest.Eventually(t, "it is given back", func() bool { return s.has("release g 1") })
			if got := s.last().Unable["g"]; got != why {
				t.Errorf("it would take it again: %q", got)
			}
			s.report <- vip.Event{Kind: vip.LinkUp, Interface: eth0}
			failovertest.Eventually(t, "the leader hears that it is over", func() bool { return s.last().Unable["g"] == "" })
		}
	})
}

// TestCannotPrepare holds that a machine whose fence does not hold puts no address on itself and claims nothing.
func TestCannotPrepare(t *testing.T) {
	for _, op := range []string{"attach", "manage", "put"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.fail(op, errors.New("it is refused"))
				s.Assign("g", "n1", false)
				s.start()
				failovertest.Eventually(t, "the leader hears why", func() bool {
					return slices.ContainsFunc(s.heard(), func(r *lease.Renewal) bool { return strings.Contains(r.Unable["g"], "it is refused") })
				})
				if s.carries("10.0.0.100") || s.has("claim g 1") {
					t.Errorf("it goes on without: %q", s.all())
				}
				s.fail(op, nil)
				s.serves()
			})
		})
	}
}

// TestCannotOpen holds that a machine that cannot open its fence does not say that it serves.
func TestCannotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.fail("open", errors.New("it is refused"))
		s.Assign("g", "n1", false)
		s.start()
		s.renewsAgain(4)
		if h := s.controller.Holdings(); len(h) != 1 || h[0].Phase != "claiming" {
			t.Errorf("holdings: %+v", h)
		}
		if got := s.Told(cluster.TransitionAcquire); len(got) != 0 {
			t.Errorf("the timeline says %q", got)
		}
		s.fail("open", nil)
		s.serves()
	})
}

// TestCannotShut holds that nothing is given back while the fence may be open: the lease has to run out.
func TestCannotShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Assign("g", "n1", false)
		s.start().serves()
		s.fail("shut", errors.New("it is refused"))
		n := s.len()
		s.Assign("g", "n2", false)
		failovertest.Eventually(t, "the address is taken away", func() bool { return slices.Contains(s.since(n), "remove 10.0.0.100") })
		s.renewsAgain(3)
		s.never(n, "release g 1")
	})
}

// TestVacantIsClaimedAtOnce holds that a claim that was refused is made again the moment that the leader says it can be granted.
func TestVacantIsClaimedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.opts.TTL = time.Minute // the next renewal by the clock would be 15 s off, and the test would give up before
		s.refuses = true
		s.Assign("g", "n1", false)
		s.start()
		failovertest.Eventually(t, "the claim is heard", func() bool { return s.has("claim g 1") })
		s.set(func() { s.refuses = false })
		s.push(lease.Answer{Vacant: []lease.Claim{{Group: "g", Epoch: 1}}})
		s.serves()
	})
}

// TestPushedAssignmentIsTakenAtOnce holds that a machine acts on the leader's word, which comes before Raft's.
func TestPushedAssignmentIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.opts.TTL = time.Minute
		s.start()
		s.renewsAgain(0)
		failovertest.Eventually(t, "there is a channel", func() bool { return len(s.heard()) > 0 })
		g := failovertest.GroupOf("g", "10.0.0.100/24")
		s.push(lease.Answer{Assignments: []cluster.Assignment{{Group: "g", Node: "n1", Epoch: 1, VIPs: g.VIPs}}})
		s.serves()
	})
}

// TestNewLeaderIsToldAtOnce holds that a change of the leader costs no renewal interval.
func TestNewLeaderIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.opts.TTL = time.Minute
		s.Assign("g", "n1", false)
		s.start().serves()
		n := s.len()
		s.set(func() { s.renewals = nil })
		s.replaced()
		failovertest.Eventually(t, "the new leader hears the claim, alive", func() bool { return len(s.last().Live) == 1 })
		s.never(n, "shut 10.0.0.100")
	})
}

// TestNoBusyLoop holds that a channel which breaks as soon as it is open is not opened again and again without a pause.
func TestNoBusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		b := &breaking{podium: s.podium}
		c := NewController(s.Cell, b, s.bench, s.bench, s.opts, failovertest.Quiet())
		done := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*reconnectPause)
		defer cancel()
		go func() {
			defer close(done)
			c.Run(ctx)
		}()
		failovertest.Within(t, "the end of Run", done)
		if n := b.opened.Load(); n > 15 {
			t.Errorf("%d channels in %s", n, 10*reconnectPause)
		}
	})
}

// breaking is a leader that hangs up at once.
type breaking struct {
	*podium
	opened atomic.Int32
}

func (b *breaking) OpenLease(context.Context) (outbox.Stream, error) {
	b.opened.Add(1)
	near, _ := failovertest.NewPipe(1)
	return near, near.Close()
}

// TestStop holds that an orderly stop waits until the groups are elsewhere, releases what nobody takes, and ends in time without a leader.
func TestStop(t *testing.T) {
	t.Run("another takes over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.opts.StopTimeout = failovertest.Patience
			s.Assign("g", "n1", false)
			s.start().serves()
			n := s.len()
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				s.controller.Stop(t.Context(), "upgrade")
			}()
			failovertest.Eventually(t, "the leader hears that it stops", func() bool { r := s.last(); return r.Stopping && r.StoppingWhy == "upgrade" })
			if !s.serving("10.0.0.100") {
				t.Error("it let go before another machine was chosen")
			}
			s.Assign("g", "n2", false)
			failovertest.Within(t, "the end of Stop", stopped)
			if !s.has("release g 1") {
				t.Error("Stop ended before the leader had the release")
			}
			s.wantOrder(n, "shut 10.0.0.100", "release g 1")
			s.wantOrder(n, "shut 10.0.0.100", "remove 10.0.0.100")
			s.kill()
		})
	})
	t.Run("nobody takes over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.Assign("g", "n1", false)
			s.start().serves()
			n := s.len()
			s.controller.Stop(t.Context(), "upgrade")
			if s.serving("10.0.0.100") || s.carries("10.0.0.100") {
				t.Error("it left the address behind")
			}
			s.kill()
			s.wantOrder(n, "shut 10.0.0.100", "remove 10.0.0.100")
		})
	})
	t.Run("no leader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.set(func() { s.away = true })
			s.start()
			s.controller.Stop(t.Context(), "upgrade")
			s.kill()
		})
	})
	t.Run("after the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.opts.StopTimeout = failovertest.Patience
			s.start()
			s.kill()
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				s.controller.Stop(t.Context(), "upgrade")
			}()
			failovertest.Within(t, "the end of Stop", stopped)
		})
	})
}

// TestIncapable holds that a machine that can carry nothing says so and does nothing.
func TestIncapable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		addrs, f := Incapable("this machine may not load eBPF programs")
		s.controller = NewController(s.Cell, s.podium, addrs, f, s.opts, failovertest.Quiet())
		done := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(done)
			s.controller.Run(ctx)
		}()
		failovertest.Eventually(t, "the first word to the leader says so of every group", func() bool {
			return len(s.heard()) > 0 && s.heard()[0].Unable[cluster.AnyGroup] == "this machine may not load eBPF programs"
		})
		s.Assign("g", "n1", false)
		if len(s.controller.Holdings()) != 0 || s.has("claim g 1") {
			t.Error("it claims what it cannot carry")
		}
		cancel()
		failovertest.Within(t, "the end of Run", done)
	})
}
