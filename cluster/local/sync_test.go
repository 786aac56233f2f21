package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// TestRegistrationIsOneCommit registers a service with two checks: when Sync returns it is in the catalog, for one commit.
func TestRegistrationIsOneCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		f.took = time.Millisecond
		must(t, r.RegisterService(service("web", ttl("a"), ttl("b"))))
		synced(t, r)
		wantHolds(t, f, "consul; web; a=critical; b=critical; serfHealth=passing")
		wantCommits(t, f, 1)

		must(t, r.RegisterService(service("web", ttl("a"), ttl("b"))))
		synced(t, r)
		wait(time.Hour / 2)
		wantCommits(t, f, 0) // the same once more

		must(t, r.UpdateTTL("a", cluster.Passing, "fine"))
		synced(t, r)
		wantHolds(t, f, "consul; web; a=passing fine; b=critical; serfHealth=passing")
		wantCommits(t, f, 1)

		must(t, r.RegisterCheck(ttl("disk"), "", FromAPI))
		must(t, r.DeregisterCheck("b"))
		synced(t, r)
		wantHolds(t, f, "consul; web; a=passing fine; disk=critical; serfHealth=passing")
		wantCommits(t, f, 2)

		must(t, r.DeregisterService("web"))
		synced(t, r)
		wantHolds(t, f, "consul; disk=critical; serfHealth=passing")
		wantCommits(t, f, 1)
	})
}

// TestConcurrentRegistrationsShareWork registers many services at once: one commit each, in a few rounds.
func TestConcurrentRegistrationsShareWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		f.took = 10 * time.Millisecond
		const n = 1000
		began := time.Now()
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if err := r.RegisterService(service(fmt.Sprintf("s%04d", i), ttl(fmt.Sprintf("c%04d", i)))); err != nil {
					t.Error(err)
				}
				synced(t, r)
				if f.leader.View().NodeService("n1", fmt.Sprintf("s%04d", i)) == nil {
					t.Errorf("s%04d is not in the catalog after Sync", i)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 20*f.took {
			t.Errorf("%d registrations took the time of %d commits", n, took/f.took)
		}
		settle(t, r)
		wantCommits(t, f, n)
	})
}

// TestRefusedDoesNotBlockOthers has the catalog refuse one service: the others get there, it is logged once, and it gets there when the
// catalog takes it.
func TestRefusedDoesNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := newFakeCatalog(), &logged{}
		f.behind(t, registered())
		r := New(Options{Node: self}, f, slog.New(slog.NewTextHandler(log, nil)))
		var refusals atomic.Int32
		f.refuses(func(cmd cluster.Command) error {
			if c, ok := cmd.(*cluster.Register); ok && c.Service != nil && c.Service.ID == "b" {
				refusals.Add(1)
				return cluster.Errorf(cluster.Invalid, "no b here")
			}
			return nil
		})
		inRun(t, r, f, func() {
			must(t, r.Replace([]Registration{service("a"), service("b", ttl("cb")), service("c")}, nil))
			wait(time.Second)
			err := r.Sync(t.Context())
			if err == nil || !strings.Contains(err.Error(), "no b here") {
				t.Errorf("sync: %v", err)
			}
			wantHolds(t, f, "a; c; consul; serfHealth=passing")
			must(t, r.UpdateTTL("cb", cluster.Passing, ""))
			wait(time.Minute)
			if n := log.count("no b here"); n != 1 {
				t.Errorf("logged %d times", n)
			}
			if n := refusals.Load(); n > 12 {
				t.Errorf("tried %d times in a minute", n)
			}
			f.refuses(nil)
			wait(time.Minute)
			synced(t, r)
			wantHolds(t, f, "a; b; c; consul; cb=passing; serfHealth=passing")
		})
	})
}

func TestNoLeaderEndsTheRound(t *testing.T) {
	for _, failure := range []error{cluster.ErrNoLeader, cluster.Errorf(cluster.Unknown, "who knows"), errors.New("broken pipe")} {
		synctest.Test(t, func(t *testing.T) {
			r, f := begin(t, Options{})
			var tries atomic.Int32
			f.refuses(func(cluster.Command) error { tries.Add(1); return failure })
			must(t, r.RegisterService(service("web", ttl("c"))))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := r.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: sync without a leader: %v", failure, err)
			}
			if n := tries.Load(); n < 5 || n > 20 {
				t.Errorf("%v: %d tries in 30 s", failure, n)
			}
			f.refuses(nil)
			synced(t, r)
			wantHolds(t, f, "consul; web; c=critical; serfHealth=passing")
		})
	}
}

// TestRepair changes the catalog behind the agent's back in every way.
func TestRepair(t *testing.T) {
	svc := func(id string) *cluster.Service {
		return &cluster.Service{ID: id, Name: id, Weights: cluster.DefaultWeights}
	}
	other := self
	other.Address, other.Meta = "10.9.9.9", nil
	const want = "consul; tagged a; web; c=passing fine; serfHealth=passing"
	for name, x := range map[string]struct {
		cmd  cluster.Command
		want string
	}{
		"service deregistered": {&cluster.Deregister{Node: "n1", ServiceID: "web"}, want},
		"check deregistered":   {&cluster.Deregister{Node: "n1", CheckID: "c"}, want},
		"node deregistered":    {&cluster.Deregister{Node: "n1"}, "tagged a; web; c=passing fine"},
		"service changed":      {&cluster.Register{Node: self, Service: &cluster.Service{ID: "web", Name: "web", Port: 1}}, want},
		"check changed":        {&cluster.Register{Node: self, Checks: []*cluster.Check{{ID: "c", ServiceID: "web", Status: cluster.Critical}}}, want},
		"node changed":         {&cluster.Register{Node: other}, want},
		"service added":        {&cluster.Register{Node: self, Service: svc("stranger"), Checks: []*cluster.Check{{ID: "s", ServiceID: "stranger", Status: cluster.Passing}}}, want},
		"check added":          {&cluster.Register{Node: self, Checks: []*cluster.Check{{ID: "x", Status: cluster.Passing}}}, want},
		"tags overridden":      {&cluster.Register{Node: self, Service: &cluster.Service{ID: "tagged", Name: "tagged", Tags: []string{"z"}, EnableTagOverride: true, Weights: cluster.DefaultWeights}}, strings.Replace(want, "tagged a", "tagged z", 1)},
		"the leader's own":     {&cluster.Register{Node: self, Checks: []*cluster.Check{{ID: cluster.SerfHealth, Name: cluster.SerfHealthName, Status: cluster.Critical}}}, strings.Replace(want, "serfHealth=passing", "serfHealth=critical", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, f := begin(t, Options{})
				tagged := service("tagged")
				tagged.Service.Tags, tagged.Service.EnableTagOverride = []string{"a"}, true
				must(t, r.RegisterService(tagged))
				must(t, r.RegisterService(service("web", ttl("c"))))
				must(t, r.UpdateTTL("c", cluster.Passing, "fine"))
				settle(t, r)
				f.behind(t, x.cmd)
				wait(time.Second)
				wantHolds(t, f, x.want)
				if n := f.leader.View().Node("n1"); n == nil || n.Address != self.Address || n.Meta["rack"] != "a" {
					t.Errorf("the node is %+v", n)
				}
				if n := len(f.commits()); n > 3 {
					t.Errorf("it took %d commits", n)
				}
				wait(time.Hour / 2)
				wantCommits(t, f, 0) // it is over, nobody is fought
			})
		})
	}
}

// TestRegisteredAgain: the tags of an instance are the catalog's own where it allows that, until somebody registers it again, through an outage
// as well. A reload that brings nothing new is not somebody.
func TestRegisteredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		tagged := func(id string, source Source, tag string) Registration {
			reg := service(id)
			reg.Service.Tags, reg.Service.EnableTagOverride, reg.Source = []string{tag}, true, source
			return reg
		}
		api, config := tagged("api", FromAPI, "replica"), tagged("config", FromConfig, "a")
		must(t, r.Replace([]Registration{config}, nil))
		must(t, r.RegisterService(api))
		settle(t, r)
		override := func(id string) {
			f.behind(t, &cluster.Register{Node: self, Service: &cluster.Service{ID: id, Name: id, Tags: []string{"other"}, EnableTagOverride: true, Weights: cluster.DefaultWeights}})
		}
		override("api")
		override("config")
		wait(time.Hour)
		wantHolds(t, f, "api other; config other; consul; serfHealth=passing")
		must(t, r.Replace([]Registration{config}, nil))
		settle(t, r)
		wantHolds(t, f, "api other; config other; consul; serfHealth=passing")

		f.refuses(func(cluster.Command) error { return cluster.ErrNoLeader })
		must(t, r.RegisterService(api))
		must(t, r.Replace([]Registration{tagged("config", FromConfig, "b")}, nil))
		wait(10 * time.Second)
		f.refuses(nil)
		synced(t, r)
		wantHolds(t, f, "api replica; config b; consul; serfHealth=passing")
		override("api")
		wait(time.Hour)
		wantHolds(t, f, "api other; config b; consul; serfHealth=passing")
	})
}

// TestLaggingCopyIsNotFought runs on a member whose copy lags: what has been written is not written again, and a change that goes back to
// what the stale copy shows is written all the same.
func TestLaggingCopyIsNotFought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCatalog()
		f.behind(t, registered())
		f.lag = 80 * time.Millisecond
		r := newRegistry(f, Options{})
		inRun(t, r, f, func() {
			must(t, r.Replace(nil, nil))
			settle(t, r)
			port := func(n int) {
				reg := service("web", ttl("c"))
				reg.Service.Port = n
				must(t, r.RegisterService(reg))
				synced(t, r)
				if s := f.leader.View().NodeService("n1", "web"); s == nil || s.Port != n {
					t.Errorf("the leader has %+v, want port %d", s, n)
				}
			}
			began := time.Now()
			port(1)
			port(2)
			port(1)
			must(t, r.DeregisterService("web"))
			synced(t, r)
			wantHolds(t, f, leaders)
			port(1)
			if took := time.Since(began); took > f.lag {
				t.Errorf("registrations waited %s for this member's copy", took)
			}
			settle(t, r)
			wantCommits(t, f, 5)
			wantHolds(t, f, "consul; web; c=critical; serfHealth=passing")
		})
	})
}

// TestForeignChangeWhileWriting has somebody else change a record just after it was written here, within the same reading.
func TestForeignChangeWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCatalog()
		f.behind(t, registered())
		f.lag = 30 * time.Millisecond
		r := newRegistry(f, Options{})
		inRun(t, r, f, func() {
			must(t, r.Replace(nil, nil))
			settle(t, r)
			for i := range 100 { // at every phase of a reading
				id := fmt.Sprintf("s%d", i)
				must(t, r.RegisterService(service(id)))
				synced(t, r)
				f.behind(t, &cluster.Deregister{Node: "n1", ServiceID: id})
				wait(7 * time.Millisecond)
			}
			settle(t, r)
			if n := len(f.leader.View().NodeServices("n1")); n != 101 {
				t.Errorf("%d services, want 100 and the leader's", n)
			}
		})
	})
}

// TestForeignChangeBeforeTheAnswer has somebody else take away what was written here, and the catalog read, before the answer to the write comes:
// what that says of the catalog is not so any more.
func TestForeignChangeBeforeTheAnswer(t *testing.T) {
	for _, late := range []time.Duration{0, rereadInterval / 2, rereadInterval, 5 * rereadInterval, 20 * rereadInterval} {
		synctest.Test(t, func(t *testing.T) {
			r, f := begin(t, Options{})
			f.answers(func(cluster.Command) {
				f.answers(nil)
				f.commit(cluster.WriteOptions{}, &cluster.Deregister{Node: "n1", ServiceID: "web"})
				time.Sleep(late) //nolint:forbidigo // the clock of a bubble
			})
			must(t, r.RegisterService(service("web", ttl("c"))))
			wait(time.Minute)
			synced(t, r)
			wantHolds(t, f, "consul; web; c=critical; serfHealth=passing")
		})
	}
}

// TestOutputIsDeferred changes the output of a check often: it is written at once after a quiet time, then once per interval, and a
// change of status takes the newest with it.
func TestOutputIsDeferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{OutputInterval: time.Minute})
		must(t, r.RegisterService(service("web", ttl("c"))))
		must(t, r.UpdateTTL("c", cluster.Passing, "0"))
		synced(t, r)
		wait(2 * time.Minute)
		f.commits()
		for i := range 600 { // a minute
			must(t, r.UpdateTTL("c", cluster.Passing, strconv.Itoa(i)))
			wait(100 * time.Millisecond)
		}
		if n := len(f.commits()); n > 2 {
			t.Errorf("%d commits for outputs in a minute", n)
		}
		wait(2 * time.Minute)
		wantHolds(t, f, "consul; web; c=passing 599; serfHealth=passing")
		if n := len(f.commits()); n > 1 {
			t.Errorf("%d commits for the last output", n)
		}
		must(t, r.UpdateTTL("c", cluster.Passing, "quiet"))
		must(t, r.UpdateTTL("c", cluster.Warning, "loud"))
		synced(t, r)
		wantHolds(t, f, "consul; web; c=warning loud; serfHealth=passing")
	})
}

// TestManyLongOutputs holds that the checks of a node, or of a service, go in several writes where one would exceed an entry of the log.
func TestManyLongOutputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		f.refuses(func(c cluster.Command) error {
			size := 0
			if reg, is := c.(*cluster.Register); is {
				for _, c := range reg.Checks {
					size += len(c.Output)
				}
			}
			if size > 900<<10 {
				return cluster.Errorf(cluster.TooLarge, "the request takes %d bytes", size)
			}
			return nil
		})
		const many = 500
		var defs []cluster.CheckDefinition
		for i := range many {
			defs = append(defs, ttl("s"+strconv.Itoa(i)))
			must(t, r.RegisterCheck(ttl("n"+strconv.Itoa(i)), "", FromAPI))
		}
		must(t, r.RegisterService(service("web", defs...)))
		for i := range many {
			for _, id := range []string{"n", "s"} {
				must(t, r.UpdateTTL(id+strconv.Itoa(i), cluster.Warning, strings.Repeat("x", 4096)))
			}
		}
		synced(t, r)
		warned := 0
		for _, c := range f.leader.View().NodeChecks("n1") {
			if c.Status == cluster.Warning && len(c.Output) == 4096 {
				warned++
			}
		}
		if warned != 2*many {
			t.Errorf("the catalog has %d of %d results", warned, 2*many)
		}
		if n := len(f.commits()); n > 60 {
			t.Errorf("%d commits", n)
		}
	})
}

// TestFirstOutputIsNotDeferred holds that a check which is critical as it was registered says at once why.
func TestFirstOutputIsNotDeferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{OutputInterval: time.Minute})
		must(t, r.RegisterService(service("web", ttl("c"))))
		synced(t, r)
		wantHolds(t, f, "consul; web; c=critical; serfHealth=passing")
		must(t, r.UpdateTTL("c", cluster.Critical, "no route"))
		synced(t, r)
		wantHolds(t, f, "consul; web; c=critical no route; serfHealth=passing")
	})
}

func TestTokensTravel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, f := begin(t, Options{})
		reg := service("web", ttl("a"))
		reg.Token = "secret"
		must(t, r.RegisterService(reg))
		d := ttl("b")
		d.ServiceID = "web"
		must(t, r.RegisterCheck(d, "other", FromAPI)) // its service comes first, under its own token
		must(t, r.RegisterCheck(ttl("disk"), "", FromAPI))
		synced(t, r)
		f.mu.Lock()
		defer f.mu.Unlock()
		seen := map[string]int{}
		for _, token := range f.tokens {
			seen[token]++
		}
		if seen["secret"] != 1 || seen["other"] != 1 || seen[""] != 1 {
			t.Errorf("tokens of the commits: %v", seen)
		}
	})
}

// TestAnotherMachineOfThatName finds its name taken: nothing is written on the other's record.
func TestAnotherMachineOfThatName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := newFakeCatalog(), &logged{}
		cmd := registered()
		cmd.Node.ID, cmd.Node.Address = "22222222-0000-0000-0000-000000000000", "10.0.0.2"
		f.behind(t, cmd)
		r := New(Options{Node: self}, f, slog.New(slog.NewTextHandler(log, nil)))
		inRun(t, r, f, func() {
			must(t, r.Replace([]Registration{service("web")}, nil))
			wait(10 * time.Minute)
			wantHolds(t, f, leaders)
			if n := len(f.commits()); n > 70 { // refused ones, each an entry of the log
				t.Errorf("%d commits", n)
			}
			if log.count("is reserved by") != 1 || log.count("another node_name") != 1 {
				t.Errorf("logged %d and %d times", log.count("is reserved by"), log.count("another node_name"))
			}
			f.behind(t, &cluster.Deregister{Node: "n1"})
			wait(time.Minute)
			wantHolds(t, f, "web")
		})
	})
}
