package leader

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// TestReconcile changes the pool of three servers and a client, which n1 leads.
func TestReconcile(t *testing.T) {
	for _, x := range []struct {
		name         string
		pool         string
		nodes, seats string
	}{
		{"a server fails", "n1:alive n2:failed n3:alive c4:alive", "c4=passing n1=passing n2=critical n3=passing", "(c4) n1 n2 n3"},
		{"a server is leaving", "n1:alive n2:leaving n3:alive c4:alive", "c4=passing n1=passing n2=passing n3=passing", "(c4) n1 n2 n3"},
		{"a server has left", "n1:alive n2:left n3:alive c4:alive", "c4=passing n1=passing n3=passing", "(c4) n1 n3"},
		{"a client has left", "n1:alive n2:alive n3:alive c4:left", "n1=passing n2=passing n3=passing", "n1 n2 n3"},
		{"a server joins", "n1:alive n2:alive n3:alive c4:alive n5:alive", "c4=passing n1=passing n2=passing n3=passing n5=passing", "(c4) n1 n2 n3 n5"},
		{"a server without a vote joins", "n1:alive n2:alive n3:alive c4:alive n5:alive:::nonvoter", "c4=passing n1=passing n2=passing n3=passing n5=passing", "(c4) (n5) n1 n2 n3"},
		{"one fails before it was known", "n1:alive n2:alive n3:alive c4:alive n5:failed", "c4=passing n1=passing n2=passing n3=passing", "(c4) n1 n2 n3"},
		{"a server has another address", "n1:alive n2:alive:99 n3:alive c4:alive", "c4=passing n1=passing n2@10.0.0.99=passing n3=passing", "(c4) n1 n2@10.0.0.99:8300 n3"},
		{"the leader has another address", "n1:alive:99 n2:alive n3:alive c4:alive", "c4=passing n1@10.0.0.99=passing n2=passing n3=passing", "(c4) n1@10.0.0.99:8300 n2 n3"},
		{"two servers swap their addresses", "n1:alive n2:alive:3 n3:alive:2 c4:alive", "c4=passing n1=passing n2@10.0.0.3=passing n3@10.0.0.2=passing", "(c4) n1 n2@10.0.0.3:8300 n3@10.0.0.2:8300"},
		{"a server takes the leader's old address", "n1:alive:99 n2:alive:1 n3:alive c4:alive", "c4=passing n1@10.0.0.99=passing n2@10.0.0.1=passing n3=passing", "(c4) n1@10.0.0.99:8300 n2@10.0.0.1:8300 n3"},
		{"a server comes back with an empty disk", "n1:alive n2:alive::id-new n3:alive c4:alive", "c4=passing n1=passing n2#id-new=passing n3=passing", "(c4) n1 n3 new@10.0.0.2:8300"},
		{"a client becomes a server", "n1:alive n2:alive n3:alive n4:alive::id-c4", "n1=passing n2=passing n3=passing n4#id-c4=passing", "c4 n1 n2 n3"},
		{"a client has another name", "n1:alive n2:alive n3:alive c4:left c8:alive:4:id-c4", "c8@10.0.0.4#id-c4=passing n1=passing n2=passing n3=passing", "(c4) n1 n2 n3"},
		{"a server becomes a client", "n1:alive n2:alive:::client n3:alive c4:alive", "c4=passing n1=passing n2=passing n3=passing", "(c4) (n2) n1 n3"},
		{"the leader does not dismiss itself", "n1:left n2:alive n3:alive c4:alive", "c4=passing n1=passing n2=passing n3=passing", "(c4) n1 n2 n3"},
		{"the leader does not call itself failed", "n1:failed n2:alive n3:alive c4:alive", "c4=passing n1=passing n2=passing n3=passing", "(c4) n1 n2 n3"},
		{"the leader votes while it leads", "n1:alive:::client n2:alive n3:alive c4:alive", "c4=passing n1=passing n2=passing n3=passing", "(c4) n1 n2 n3"},
	} {
		for oldest, rest := range map[string]time.Duration{"0.2": time.Hour, "0.1": time.Minute} {
			t.Run(x.name+" "+oldest, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, term := running(t)
					f.failing(func(cmd cluster.Command) error {
						if _, ok := cmd.(*cluster.Transaction); ok && oldest == "0.1" {
							return cluster.Errorf(cluster.Unsupported, "a member of 0.1.0 has a seat")
						}
						return nil
					})
					news(f, term, x.pool)
					wait(retryInterval)
					wantNodes(t, f, x.nodes)
					wantSeats(t, f, x.seats)
					wantRest(t, f, rest)
				})
			})
		}
	}
}

// meanwhile has something happen right before the first command of a kind is applied, with f's mu held.
func meanwhile(f *fakeCluster, kind func(cluster.Command) bool, do func()) {
	done := false
	f.failing(func(cmd cluster.Command) error {
		if !done && kind(cmd) {
			done = true
			do()
		}
		return nil
	})
}

// about reports whether a command says something of a node.
func about(node string) func(cluster.Command) bool {
	return func(cmd cluster.Command) bool { return strings.Contains(mustEncode(cmd), `"`+node+`"`) }
}

func mustEncode(cmd cluster.Command) string {
	b, err := json.Marshal(cmd)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestWhoComesBackKeepsWhatItHas has a member come back while the pass that saw it gone waits for the log.
func TestWhoComesBackKeepsWhatItHas(t *testing.T) {
	const back = "n1:alive n2:alive n3:alive c4:failed"
	for name, gone := range map[string]string{
		"it had left": "n1:alive n2:left n3:alive c4:failed", "it had failed": "n1:alive n2:failed n3:alive c4:failed", "it was reaped": "n1:alive n3:alive c4:failed",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, term := running(t)
				web := &cluster.Register{Node: cluster.Node{Name: "n2"}, SkipNodeUpdate: true, Service: &cluster.Service{Name: "web"}}
				session := &cluster.SessionCreate{Session: cluster.Session{ID: "s", Node: "n2", NodeChecks: []string{cluster.SerfHealth}}}
				for _, cmd := range []cluster.Command{web, session} {
					if _, err := f.Apply(t.Context(), cmd); err != nil {
						t.Fatal(err)
					}
				}
				meanwhile(f, about("c4"), func() { f.setLocked(back) })
				f.set(gone)
				term.MembersChanged(map[bool]string{true: "n2"}[name == "it was reaped"])
				synctest.Wait()
				wait(time.Minute)
				wantNodes(t, f, "c4=critical n1=passing n2=passing n3=passing")
				wantSeats(t, f, "(c4) n1 n2 n3")
				if v := f.store.View(); v.NodeService("n2", "web") == nil || v.Session("s") == nil {
					t.Error("its service or its session is gone")
				}
				if _, changes := f.take(); len(changes) > 0 {
					t.Errorf("the peer set was changed: %v", changes)
				}
			})
		})
	}
}

// TestOnlyTheNodeThatWasSeenGoes has somebody write to the catalog between the leader's look and its command about a node that is gone.
func TestOnlyTheNodeThatWasSeenGoes(t *testing.T) {
	const failed = "n1:alive n2:failed n3:alive c4:alive"
	another := cluster.Node{ID: "id-new", Name: "n2", Address: "10.0.0.2"}
	for _, x := range []struct {
		name, before, pool string
		reaped             string
		write              []cluster.Command
		nodes              string
	}{
		{
			"another machine has taken the name of one that left", failed, "n1:alive n2:left n3:alive c4:alive", "",
			[]cluster.Command{&cluster.Register{Node: another, Service: &cluster.Service{Name: "web"}}},
			"c4=passing n1=passing n2#id-new=passing n3=passing",
		},
		{
			"another machine has taken the name of one that was reaped", failed, "n1:alive n3:alive c4:alive", "n2",
			[]cluster.Command{&cluster.Register{Node: another, Service: &cluster.Service{Name: "web"}}},
			"c4=passing n1=passing n2#id-new=passing n3=passing",
		},
		{"one that failed is gone from the catalog", "", failed, "", []cluster.Command{&cluster.Deregister{Node: "n2"}}, "c4=passing n1=passing n3=passing"},
		{
			"one that failed has another name", "", failed, "",
			[]cluster.Command{&cluster.Register{Node: cluster.Node{ID: "id-n2", Name: "n7", Address: "10.0.0.7"}}},
			"c4=passing n1=passing n3=passing n7#id-n2",
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, term := running(t)
				if x.before != "" {
					news(f, term, x.before)
				}
				meanwhile(f, about("n2"), func() {
					for _, cmd := range x.write {
						if res := f.commit(cmd); res.Err != nil {
							t.Error(res.Err)
						}
					}
					if x.reaped != "" || strings.Contains(x.pool, "left") { // and joins
						f.setLocked("n1:alive n2:alive::id-new n3:alive c4:alive")
					}
				})
				f.set(x.pool)
				term.MembersChanged(x.reaped)
				synctest.Wait()
				wait(10 * time.Second)
				wantNodes(t, f, x.nodes)
				if v := f.store.View(); v.Node("n2") != nil && v.NodeService("n2", "web") == nil {
					t.Error("its service is gone")
				}
				wantRest(t, f, 9*time.Minute)
			})
		})
	}
}

// TestAnotherNameWhileTheOldOneSeemsAlive has an agent that was killed come back under another name before gossip has missed it.
func TestAnotherNameWhileTheOldOneSeemsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		renamed := &cluster.Register{Node: cluster.Node{ID: "id-c4", Name: "c8", Address: "10.0.0.8"}, Service: &cluster.Service{Name: "web"}}
		if _, err := f.Apply(t.Context(), renamed); err != nil {
			t.Fatal(err)
		}
		news(f, term, "n1:alive n2:alive n3:alive c4:alive c8:alive:8:id-c4")
		wantNodes(t, f, "c8#id-c4=passing n1=passing n2=passing n3=passing")
		if f.store.View().NodeService("c8", "web") == nil {
			t.Error("its service is gone")
		}
		wantRest(t, f, time.Minute)
		news(f, term, "n1:alive n2:alive n3:alive c4:failed c8:alive:8:id-c4")
		wantRest(t, f, time.Minute)
		wantSeats(t, f, "(c4@10.0.0.8:8300) n1 n2 n3")
	})
}

func TestFailedComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		news(f, term, "n1:alive n2:failed n3:alive c4:alive")
		if cmds, _ := f.take(); len(cmds) != 1 {
			t.Errorf("%d commands for a failure, want 1", len(cmds))
		}
		news(f, term, "n1:alive n2:alive n3:alive c4:alive")
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=passing")
		if cmds, _ := f.take(); len(cmds) != 1 {
			t.Errorf("%d commands for its return, want 1", len(cmds))
		}
	})
}

// TestFailureKeepsTheRecord has a node fail that its agent has described: only its health changes.
func TestFailureKeepsTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		n := *f.store.View().Node("n2")
		n.Meta, n.TaggedAddresses = map[string]string{"rack": "a"}, map[string]string{"wan": "192.0.2.1"}
		if _, err := f.Apply(t.Context(), &cluster.Register{Node: n}); err != nil {
			t.Fatal(err)
		}
		for _, pool := range []string{"n1:alive n2:failed:77 n3:alive c4:alive", "n1:alive n2:alive n3:alive c4:alive"} {
			news(f, term, pool)
			got := f.store.View().Node("n2")
			if got.Meta["rack"] != "a" || got.TaggedAddresses["wan"] != "192.0.2.1" || got.Address != "10.0.0.2" {
				t.Errorf("after %s the node is %+v", pool, got)
			}
		}
		news(f, term, "n1:alive n2:alive:77 n3:alive c4:alive")
		if got := f.store.View().Node("n2"); got.Meta["rack"] != "a" || got.Address != "10.0.0.77" {
			t.Errorf("with another address the node is %+v", got)
		}
	})
}

// TestWhatItsAgentSaysOfANodeStays has an agent describe its node between the leader's look at the catalog and each of its first commands.
func TestWhatItsAgentSaysOfANodeStays(t *testing.T) {
	for _, x := range []struct {
		name, pool string
		node       cluster.Node
	}{
		{"a new node", "n1:alive n2:alive n3:alive c4:alive n9:alive", cluster.Node{ID: "id-n9", Name: "n9", Address: "10.0.0.9"}},
		{"another address", "n1:alive n2:alive:77 n3:alive c4:alive", cluster.Node{ID: "id-n2", Name: "n2", Address: "10.0.0.77"}},
		{"the leader's own address", "n1:alive:77 n2:alive n3:alive c4:alive", cluster.Node{ID: "id-n1", Name: "n1", Address: "10.0.0.77"}},
		{"another name", "n1:alive n2:alive n3:alive c4:left c8:alive:4:id-c4", cluster.Node{ID: "id-c4", Name: "c8", Address: "10.0.0.4"}},
		{"another machine", "n1:alive n2:alive::id-new n3:alive c4:alive", cluster.Node{ID: "id-new", Name: "n2", Address: "10.0.0.2"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			for before := range 3 {
				synctest.Test(t, func(t *testing.T) {
					f, term := running(t)
					if x.node.ID == "id-new" { // a name is free once gossip has lost who had it
						news(f, term, "n1:alive n2:failed n3:alive c4:alive")
					}
					x.node.Meta, x.node.TaggedAddresses = map[string]string{"rack": "a"}, map[string]string{"wan": "192.0.2.1"}
					var commands atomic.Int64
					f.failing(func(cmd cluster.Command) error {
						switch cmd.(type) {
						case *cluster.Register, *cluster.Transaction:
							if commands.Add(1) == int64(before)+1 {
								f.commit(&cluster.Register{Node: x.node})
							}
						}
						return nil
					})
					news(f, term, x.pool)
					if commands.Load() <= int64(before) {
						return // so many commands it does not need
					}
					wait(retryInterval)
					got := f.store.View().Node(x.node.Name)
					if got == nil || got.ID != x.node.ID || got.Address != x.node.Address || got.Meta["rack"] != "a" || got.TaggedAddresses["wan"] != "192.0.2.1" {
						t.Errorf("said before command %d, the node is %+v", before, got)
					}
					if n := len(f.store.View().NodeChecks(x.node.Name)); n != 1 {
						t.Errorf("said before command %d, the node has %d checks", before, n)
					}
					wantRest(t, f, time.Hour)
				})
			}
		})
	}
}

// TestServersAreAService looks at what the catalog holds of the servers themselves.
func TestServersAreAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		instances := f.store.View().ServiceInstances("consul")
		if len(instances) != 3 {
			t.Fatalf("%d instances, want the three servers", len(instances))
		}
		for _, i := range instances {
			if i.Service.ID != "consul" || i.Service.Port != 8300 || i.Service.Meta["version"] != "1.21.4" || i.Service.Meta["raft_version"] != "3" || i.Node.TaggedAddresses["lan_ipv4"] != i.Node.Address {
				t.Errorf("%+v of %+v", i.Service, i.Node)
			}
			if c := i.Checks[0]; c.Name != "Serf Health Status" || c.Output != "Agent alive and reachable" {
				t.Errorf("check %+v", c)
			}
		}
		news(f, term, "n1:alive n2:alive n3:alive c4:alive n5:alive:::nonvoter")
		for _, i := range f.store.View().ServiceInstances("consul") {
			if want := strconv.FormatBool(i.Node.Name == "n5"); i.Service.Meta["non_voter"] != want || i.Service.Meta["read_replica"] != want {
				t.Errorf("%s says of its vote %v", i.Node.Name, i.Service.Meta)
			}
		}
	})
}

// TestWholeClusterRestarts has a new leader whose pool gathers slowly: who comes within the grace was never critical.
func TestWholeClusterRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := running(t)
		f.set("n1:alive")
		next := lead(t, f)
		wait(5 * time.Second)
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=passing")
		news(f, next, "n1:alive n2:alive c4:alive")
		wait(4 * time.Second)
		if cmds, _ := f.take(); len(cmds) > 0 {
			t.Errorf("it wrote %+v", cmds)
		}
		wait(2 * time.Second)
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=critical") // the grace is over without any news
		wantSeats(t, f, "(c4) n1 n2 n3")
		news(f, next, "n1:alive n2:alive n3:alive c4:alive")
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=passing")
	})
}

// TestForgotten follows a node that gossip does not know: it goes when gossip says that it was reaped, or after a long time.
func TestForgotten(t *testing.T) {
	const rest = "n1:alive n2:alive c4:alive"
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		f.set(rest)
		term.MembersChanged("n3")
		synctest.Wait()
		wantNodes(t, f, "c4=passing n1=passing n2=passing")
		wantSeats(t, f, "(c4) n1 n2")
		wantRest(t, f, time.Hour)
	})
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		news(f, term, rest)
		wait(71 * time.Hour)
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=critical")
		wait(61 * time.Minute)
		wantNodes(t, f, "c4=passing n1=passing n2=passing")
		wantSeats(t, f, "(c4) n1 n2")
	})
	synctest.Test(t, func(t *testing.T) { // reaped, but back before the leader looked
		f, term := running(t)
		term.MembersChanged("n3")
		synctest.Wait()
		news(f, term, rest)
		wait(time.Hour)
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=critical")
	})
}

// TestFailedWriteDismissesNobody has writes fail while a node is unknown: it must not pass for one that was reaped, and who was reaped is
// dismissed in the end.
func TestFailedWriteDismissesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, term := running(t)
		f.failing(func(cluster.Command) error { return cluster.ErrNoLeader })
		f.set("n1:alive n2:alive")
		term.MembersChanged("c4")
		wait(time.Minute)
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=passing")
		cmds, _ := f.take()
		if len(cmds) < 10 || len(cmds) > 150 {
			t.Errorf("%d tries in a minute", len(cmds))
		}
		f.failing(nil)
		wait(2 * time.Second)
		wantNodes(t, f, "n1=passing n2=passing n3=critical")
		wantSeats(t, f, "n1 n2 n3")
	})
}

// TestStrangersAreLeftAlone has nodes that no agent runs on: gossip need not know them.
func TestStrangersAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := running(t)
		external := &cluster.Register{Node: cluster.Node{Name: "db", Address: "db.example"}, Checks: []*cluster.Check{{ID: "ping", Status: cluster.Passing}}}
		if _, err := f.Apply(t.Context(), external); err != nil {
			t.Fatal(err)
		}
		wait(100 * time.Hour)
		if v := f.store.View(); v.Node("db") == nil || v.ChecksInState(state.AnyStatus)[1].Status != cluster.Passing {
			t.Errorf("nodes %s", f.nodes())
		}
	})
}

// TestRepairsTheCatalog has somebody deregister a live node: the next pass brings it back.
func TestRepairsTheCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := running(t)
		if _, err := f.Apply(t.Context(), &cluster.Deregister{Node: "n2"}); err != nil {
			t.Fatal(err)
		}
		wait(DefaultOptions().ReconcileInterval)
		wantNodes(t, f, "c4=passing n1=passing n2=passing n3=passing")
	})
}
