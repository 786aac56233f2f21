package leader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// lasting is a settled cluster of servers whose leader has led for long enough to have watched everyone.
func lasting(t *testing.T, servers int) (*fakeCluster, *Term) {
	t.Helper()
	f := newFakeCluster()
	var pool []string
	for i := range servers {
		pool = append(pool, fmt.Sprintf("n%d:alive", i+1))
	}
	f.set(strings.Join(pool, " "))
	term := lead(t, f)
	wait(12 * time.Second)
	f.take()
	return f, term
}

// configure sets autopilot's configuration.
func (f *fakeCluster) configure(t *testing.T, change func(*cluster.Autopilot)) {
	t.Helper()
	conf := f.store.View().Autopilot()
	change(&conf)
	if _, err := f.Apply(t.Context(), &cluster.PutAutopilot{Config: conf}); err != nil {
		t.Fatal(err)
	}
}

func (f *fakeCluster) fallIll(id string, stats cluster.ServerStats) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ill == nil {
		f.ill = map[string]cluster.ServerStats{}
	}
	f.ill[id] = stats
}

func (f *fakeCluster) recover(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ill, id)
}

// TestANewServerVotesOnceItIsStable follows a server that joins a cluster that has stood for a while.
func TestANewServerVotesOnceItIsStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := lasting(t, 3)
		f.fallIll("id-n4", cluster.ServerStats{LastTerm: 2, LastIndex: 10})
		news(f, term, "n1:alive n2:alive n3:alive n4:alive")
		wantSeats(t, f, "(n4) n1 n2 n3")
		wait(time.Minute)
		wantSeats(t, f, "(n4) n1 n2 n3") // it lags
		f.recover("id-n4")
		wait(8 * time.Second)
		wantSeats(t, f, "(n4) n1 n2 n3")
		wait(6 * time.Second)
		wantSeats(t, f, "n1 n2 n3 n4")
		wantRest(t, f, time.Hour)
	})
}

func TestAServerWithoutAVoteGetsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := lasting(t, 3)
		news(f, term, "n1:alive n2:alive n3:alive n4:alive:::nonvoter c5:alive")
		wait(time.Hour)
		wantSeats(t, f, "(c5) (n4) n1 n2 n3")
	})
}

// TestServersOfAYoungTermVoteAtOnce is how a cluster is built from one server.
func TestServersOfAYoungTermVoteAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.set("n1:alive")
		term := lead(t, f)
		wait(5 * time.Second)
		news(f, term, "n1:alive n2:alive n3:alive")
		wantSeats(t, f, "n1 n2 n3")
	})
}

// TestCleanUp has servers fail for good, and looks at who is left after a while.
func TestCleanUp(t *testing.T) {
	const alive5 = "n1:alive n2:alive n3:alive "
	for _, x := range []struct {
		name    string
		servers int
		conf    func(*cluster.Autopilot)
		pool    string
		seats   string
	}{
		{"one of four", 4, nil, alive5 + "n4:failed", "n1 n2 n3"},
		{"one of three stays", 3, nil, "n1:alive n2:alive n3:failed", "n1 n2 n3"},
		{"two of five", 5, nil, alive5 + "n4:failed n5:failed", "n1 n2 n3"},
		{"one of five", 5, nil, alive5 + "n4:alive n5:failed", "n1 n2 n3 n4"},
		{"not below min_quorum", 5, func(a *cluster.Autopilot) { a.MinQuorum = 5 }, alive5 + "n4:alive n5:failed", "n1 n2 n3 n4 n5"},
		{"down to min_quorum", 5, func(a *cluster.Autopilot) { a.MinQuorum = 4 }, alive5 + "n4:failed n5:failed", "n1 n2 n3 n5"},
		{"not where it is off", 4, func(a *cluster.Autopilot) { a.CleanupDeadServers = false }, alive5 + "n4:failed", "n1 n2 n3 n4"},
		{"one that is leaving stays", 4, nil, alive5 + "n4:leaving", "n1 n2 n3 n4"},
		{"one that gossip does not know", 4, nil, alive5, "n1 n2 n3"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, term := lasting(t, x.servers)
				if x.conf != nil {
					f.configure(t, x.conf)
				}
				before := f.seats()
				news(f, term, x.pool)
				wait(5 * time.Second)
				wantSeats(t, f, before) // it may come back
				wait(time.Minute)
				wantSeats(t, f, x.seats)
			})
		})
	}
}

// TestCleanUpLooksAgain has the peer set, or the pool, change between the look at the servers and the end of the clean-up.
func TestCleanUpLooksAgain(t *testing.T) {
	for _, x := range []struct {
		name  string
		then  func(*fakeCluster)
		seats string
	}{
		{"an operator has removed another", func(f *fakeCluster) {
			f.setLocked("n1:alive n2:alive n3:failed n4:failed n5:failed") // or the leader would admit it again
			f.peers = slices.DeleteFunc(f.peers, func(p cluster.Peer) bool { return p.ID == "id-n3" })
		}, "n1 n2 n5"},
		{"one has come back", func(f *fakeCluster) { f.setLocked("n1:alive n2:alive n3:alive n4:failed n5:alive") }, "n1 n2 n3 n5"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, term := lasting(t, 5)
				f.removes = func(string) {
					f.removes = nil
					x.then(f)
				}
				news(f, term, "n1:alive n2:alive n3:alive n4:failed n5:failed")
				wait(time.Minute)
				wantSeats(t, f, x.seats)
				if _, changes := f.take(); slices.Contains(changes, "-id-n5") {
					t.Errorf("n5 lost its seat: %v", changes)
				}
			})
		})
	}
}

func TestADeadServerThatComesBackIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := lasting(t, 4)
		news(f, term, "n1:alive n2:alive n3:alive n4:failed")
		wait(time.Minute)
		wantSeats(t, f, "n1 n2 n3")
		news(f, term, "n1:alive n2:alive n3:alive n4:alive")
		wantSeats(t, f, "(n4) n1 n2 n3")
		wait(14 * time.Second)
		wantSeats(t, f, "n1 n2 n3 n4")
	})
}

// TestHealth is a table of what a server says and whether it is well.
func TestHealth(t *testing.T) {
	for name, x := range map[string]struct {
		pool  string
		stats cluster.ServerStats
		well  bool
	}{
		"it is as the leader is":           {"alive", cluster.ServerStats{LastTerm: 2, LastIndex: 1000, LastContact: 100 * time.Millisecond}, true},
		"its log is a little behind":       {"alive", cluster.ServerStats{LastTerm: 2, LastIndex: 750}, true},
		"its log is far behind":            {"alive", cluster.ServerStats{LastTerm: 2, LastIndex: 749}, false},
		"its log is of another term":       {"alive", cluster.ServerStats{LastTerm: 1, LastIndex: 1000}, false},
		"it has not heard from its leader": {"alive", cluster.ServerStats{LastTerm: 2, LastIndex: 1000, LastContact: 300 * time.Millisecond}, false},
		"it does not answer":               {"alive", cluster.ServerStats{}, false},
		"gossip has lost it":               {"failed", cluster.ServerStats{LastTerm: 2, LastIndex: 1000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, term := lasting(t, 3)
				began := time.Now()
				f.fallIll("id-n2", x.stats)
				news(f, term, "n1:alive n2:"+x.pool+" n3:alive c4:alive")
				wait(time.Minute)
				servers := term.Servers()
				if len(servers) != 3 {
					t.Fatalf("%d servers", len(servers))
				}
				for _, s := range servers {
					wantWell := s.Name != "n2" || x.well
					if s.Healthy != wantWell || s.Leader != (s.Name == "n1") || !s.Voter || s.Version != "1.21.4" || s.Address == "" {
						t.Errorf("%+v, want healthy %v", s, wantWell)
					}
					if stable := s.StableSince.Before(began); stable != wantWell {
						t.Errorf("%s is stable since %s, it began at %s", s.Name, s.StableSince, began)
					}
				}
			})
		})
	}
}
