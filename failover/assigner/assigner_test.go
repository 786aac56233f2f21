package assigner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/lease"
)

// testTTL is what production uses: how long things take is a part of what is tested.
const testTTL = 700 * time.Millisecond

// assembly is a Quorum that says what it is told to.
type assembly struct {
	mu     sync.Mutex // guards following
	older  time.Duration
	lost   bool // there is no majority
	asked  int
	sought int // how often OlderLeases was asked
}

func (q *assembly) ConfirmLease(context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	if q.lost {
		return cluster.ErrNoLeader
	}
	return nil
}

func (q *assembly) OlderLeases(context.Context) (time.Duration, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sought++
	if q.lost {
		return 0, cluster.ErrNoLeader
	}
	return q.older, nil
}

func (q *assembly) set(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f()
}

// court is an assigner at work on a state of its own.
type court struct {
	t *testing.T
	*failovertest.Cell
	assigner *Assigner
	quorum   *assembly
	opts     Options
	ctx      context.Context
}

// newCourt sets everything up: n1, n2 and n3 are in the catalog, the group g is there, and nobody has opened a channel.
// It belongs in a bubble of synctest: there nothing comes late because the machine is busy.
func newCourt(t *testing.T) *court {
	t.Helper()
	c := &court{t: t, Cell: failovertest.NewCell(t, "n1"), quorum: &assembly{}, opts: Options{TTL: testTTL, Now: time.Now}}
	for _, n := range []string{"n1", "n2", "n3"} {
		c.Do(failovertest.NodeCheck(n, cluster.SerfHealth, "Serf Health Status", cluster.Passing, ""))
	}
	c.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))
	return c
}

// open runs the assigner until the end of the test.
func (c *court) open() *court {
	c.assigner = New(c.Cell, c.quorum, 7, c.opts, failovertest.Quiet())
	ctx, cancel := context.WithCancel(context.Background())
	c.ctx = ctx
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.assigner.Run(ctx)
	}()
	c.t.Cleanup(func() {
		cancel()
		failovertest.Within(c.t, "the end of Run", done)
	})
	return c
}

// envoy is one machine's end of a lease channel, by hand.
type envoy struct {
	t      *testing.T
	node   string
	stream *failovertest.Pipe
	holder *lease.Holder
	ended  chan error

	mu      sync.Mutex // guards following
	now     int64
	answers []*lease.Answer
	grants  []lease.Grant
	say     lease.Renewal // what is said beside the claims
}

// send opens the channel of a machine.
func (c *court) send(node string) *envoy {
	near, far := failovertest.NewPipe(256)
	e := &envoy{t: c.t, node: node, stream: near, holder: lease.NewHolder(), ended: make(chan error, 1)}
	go func() {
		e.ended <- c.assigner.Serve(c.ctx, far)
		_ = far.Close()
	}()
	go e.listen()
	c.t.Cleanup(func() { _ = near.Close() })
	e.renew()
	return e
}

func (e *envoy) listen() {
	for {
		msg, err := e.stream.Recv()
		if err != nil {
			return
		}
		a, err := lease.DecodeAnswer(msg)
		if err != nil {
			e.t.Errorf("an answer that cannot be read: %v", err)
			return
		}
		e.mu.Lock()
		e.answers = append(e.answers, a)
		e.grants = append(e.grants, e.holder.Granted(a)...)
		again := e.holder.Again(e.now, a)
		e.mu.Unlock()
		if again {
			e.renew()
		}
	}
}

// renew sends one renewal.
func (e *envoy) renew() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now++
	r := e.say
	r.Node = e.node
	e.holder.Renew(e.now, &r)
	msg, err := lease.EncodeRenewal(&r)
	if err != nil {
		e.t.Error(err)
	}
	_ = e.stream.Send(msg) // a channel that has ended is the test's to notice
}

// keep renews until the test ends.
func (e *envoy) keep() *envoy {
	tick := time.NewTicker(testTTL / 5)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-tick.C:
				e.renew()
			case <-done:
				return
			}
		}
	})
	e.t.Cleanup(func() {
		tick.Stop()
		close(done)
		wg.Wait()
	})
	return e
}

// change changes what the machine says or claims, and says it.
func (e *envoy) change(f func()) {
	e.mu.Lock()
	f()
	e.mu.Unlock()
	e.renew()
}

// claim claims a group.
func (e *envoy) claim(group string, epoch uint64) {
	e.change(func() { e.holder.Take(lease.Claim{Group: group, Epoch: epoch}, 0) })
}

func (e *envoy) has(group string, epoch uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.grants, func(g lease.Grant) bool { return g.Claim == lease.Claim{Group: group, Epoch: epoch} })
}

// refused is the newest reason why a claim was refused, "" for none.
func (e *envoy) refused() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range slices.Backward(e.answers) {
		for _, r := range a.Refused {
			return r.Why
		}
	}
	return ""
}

// knows reports whether the leader has told this machine of an assignment.
func (e *envoy) knows(group, node string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.answers, func(a *lease.Answer) bool {
		return slices.ContainsFunc(a.Assignments, func(x cluster.Assignment) bool { return x.Group == group && x.Node == node })
	})
}

// live waits until a machine's channel is known to live.
func (c *court) live(node string) {
	c.t.Helper()
	failovertest.Eventually(c.t, node+" is live", func() bool { p := c.Store.View().Presence(node); return p != nil && p.Live })
}

func (c *court) holds(group, node string) {
	c.t.Helper()
	failovertest.Eventually(c.t, group+" is assigned to "+node, func() bool { return c.Assignment(group).Node == node && c.Assignment(group).Epoch > 0 })
}

// pair has n1 hold g while n2 is live, with leases that outlast the test.
func (c *court) pair() (e1 *envoy) {
	c.t.Helper()
	c.opts.TTL = time.Minute
	c.open()
	e1 = c.send("n1")
	c.holds("g", "n1")
	c.send("n2")
	c.live("n2")
	return e1
}

// silent has n1 fall silent about g, of which it has the lease, while n2 is live. It gives n1, and since when.
func (c *court) silent() (e1 *envoy, since time.Time) {
	c.t.Helper()
	e1 = c.send("n1").keep()
	c.holds("g", "n1")
	c.send("n2").keep()
	c.live("n2")
	e1.claim("g", 1)
	failovertest.Eventually(c.t, "n1 has the lease", func() bool { return e1.has("g", 1) })
	e1.change(func() { e1.holder.Drop("g") })
	return e1, time.Now()
}

// TestAssignsAndGrants holds the whole way: machines open channels, the plan is committed and pushed, the claim is granted with a
// majority's word, and the holder that goes silent loses the group when its lease has ended.
func TestAssignsAndGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		e1 := c.send("n1")
		c.holds("g", "n1")
		e2 := c.send("n2").keep()
		c.live("n2")
		failovertest.Eventually(t, "both machines are told", func() bool { return e1.knows("g", "n1") && e2.knows("g", "n1") })
		e1.claim("g", 1)
		failovertest.Eventually(t, "n1 has the lease", func() bool { return e1.has("g", 1) })
		failovertest.Eventually(t, "n1 is missed and n2 chosen", func() bool { return c.Assignment("g").Node == "n2" })
		a := c.Assignment("g")
		if a.Epoch != 2 || !strings.HasPrefix(a.Why, "n1 cannot hold it: no lease renewal from it for 700ms; n2 is the best machine left") {
			t.Errorf("epoch %d: %s", a.Epoch, a.Why)
		}
		e2.claim("g", 2)
		failovertest.Eventually(t, "n2 has the lease", func() bool { return e2.has("g", 2) })
		if p := c.Store.View().Presence("n1"); p == nil || p.Live || p.Why != "no lease renewal from it for 700ms" {
			t.Errorf("presence of n1: %+v", p)
		}
	})
}

// TestGrantsNothingWithoutMajority holds that a leader that is on its own stays silent on claims.
func TestGrantsNothingWithoutMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		e := c.send("n1").keep()
		c.holds("g", "n1")
		c.quorum.set(func() { c.quorum.lost = true })
		e.claim("g", 1)
		asked := func() (n int) {
			c.quorum.set(func() { n = c.quorum.asked })
			return n
		}
		failovertest.Eventually(t, "the majority was asked", func() bool { return asked() > 2 })
		if e.has("g", 1) {
			t.Error("it granted without a majority")
		}
		c.quorum.set(func() { c.quorum.lost = false })
		failovertest.Eventually(t, "n1 has the lease", func() bool { return e.has("g", 1) })
	})
}

// TestNewLeaderWaits holds that a new leader answers nobody before it knows of older leases, and grants no claim while they may live.
func TestNewLeaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.Do(failovertest.MachineOn("n1")...)
		c.Assign("g", "n1", false)
		c.quorum.lost, c.quorum.older = true, time.Second
		c.open()
		start := time.Now()
		e := c.send("n1").keep()
		e.claim("g", 1)
		failovertest.Eventually(t, "it asks again", func() (again bool) {
			c.quorum.set(func() { again = c.quorum.sought > 2 })
			return again
		})
		e.mu.Lock()
		if len(e.answers) > 0 {
			t.Errorf("it answered before it knew: %+v", e.answers[0])
		}
		e.mu.Unlock()
		c.quorum.set(func() { c.quorum.lost = false })
		failovertest.Eventually(t, "the claim is refused", func() bool { return strings.HasPrefix(e.refused(), "a lease of an older leader may live for ") })
		failovertest.Eventually(t, "the claim is granted", func() bool { return e.has("g", 1) })
		if took := time.Since(start); took < time.Second {
			t.Errorf("granted after %s, and an older lease may have lived for 1s", took)
		}
	})
}

// TestReleaseFreesAtOnce holds that what is given back is granted to the next machine without waiting for the lease to end.
func TestReleaseFreesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.opts.TTL = time.Minute // the test gives up before
		c.open()
		e1 := c.send("n1")
		c.holds("g", "n1")
		e2 := c.send("n2")
		c.live("n2")
		e1.claim("g", 1)
		failovertest.Eventually(t, "n1 has the lease", func() bool { return e1.has("g", 1) })
		c.Do(failovertest.NodeCheck("n1", cluster.NodeMaintenance, "", cluster.Critical, "disk"))
		c.holds("g", "n2")
		e2.claim("g", 2)
		failovertest.Eventually(t, "n2 is refused", func() bool { return strings.HasPrefix(e2.refused(), "the lease of n1, epoch 1, may live for ") })
		e1.change(func() { e1.holder.GiveBack("g") })
		failovertest.Eventually(t, "n2 has the lease", func() bool { return e2.has("g", 2) })
	})
}

// TestStoppingMachineIsLeft holds that a daemon that says it stops gives way at once.
func TestStoppingMachineIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		e1 := c.pair()
		e1.change(func() { e1.say.Stopping, e1.say.StoppingWhy = true, "upgrade" })
		c.holds("g", "n2")
		if why := c.Assignment("g").Why; !strings.HasPrefix(why, "n1 cannot hold it: its daemon is stopping: upgrade; ") {
			t.Errorf("why: %s", why)
		}
		e1.change(func() { e1.say.Stopping, e1.say.StoppingWhy = false, "" })
		failovertest.Eventually(t, "n1 is back", func() bool { return c.Store.View().Presence("n1").Live })
	})
}

// TestUnableMachineIsLeft holds that a machine which cannot carry a group gives way, and that the timeline says why.
func TestUnableMachineIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		e1 := c.pair()
		e1.change(func() { e1.say.Unable = map[string]string{"g": "eth0 is gone"} })
		c.holds("g", "n2")
		if got := c.Told(cluster.TransitionPresence); !slices.Contains(got, "n1 cannot carry it: eth0 is gone") {
			t.Errorf("the timeline says %q", got)
		}
	})
}

// TestAddressMovesBetweenGroups holds that an address which one group gives up is assigned with another group only when no lease that
// covers it can live.
func TestAddressMovesBetweenGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		_, last := c.silent()
		c.Do(failovertest.Put(failovertest.GroupOf("g", "10.0.0.101/24")))
		h := failovertest.GroupOf("h", "10.0.0.100/24")
		h.Prefer = []string{"n2"}
		c.Do(failovertest.Put(h))
		c.holds("h", "n2")
		if a := c.Assignment("g"); a.Epoch != 2 || a.VIPs[0].Addr().String() != "10.0.0.101" {
			t.Errorf("g: %+v", a)
		}
		if took := time.Since(last); took < c.opts.TTL/2 {
			t.Errorf("the address was assigned after %s, while a lease on it could live", took)
		}
	})
}

// TestGraceForNewLeader holds that a new leader does not take a machine for lost that has not had the time to open a channel.
func TestGraceForNewLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.Do(failovertest.MachineOn("n1")...)
		c.Do(failovertest.MachineOn("n2")...)
		c.Assign("g", "n1", false)
		c.quorum.older = 300 * time.Millisecond
		c.open()
		c.send("n2").keep()
		failovertest.Eventually(t, "n1 is missed", func() bool { return !c.Store.View().Presence("n1").Live })
		if why := c.Store.View().Presence("n1").Why; why != "it has not opened a lease channel to this leader" {
			t.Errorf("why: %s", why)
		}
		c.holds("g", "n2")
	})
}

// TestGraceAfterALongQuestion holds that a new leader which learns late of older leases gives the machines, which nobody has listened to
// meanwhile, the same time to be heard: to move an address then is an outage for nothing.
func TestGraceAfterALongQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.Do(failovertest.MachineOn("n1")...)
		c.Do(failovertest.MachineOn("n2")...)
		c.Assign("g", "n1", false)
		c.quorum.lost = true
		c.open()
		time.Sleep(c.opts.TTL) //nolint:forbidigo // the clock of a bubble
		c.quorum.set(func() { c.quorum.lost = false })
		time.Sleep(c.opts.TTL / 15) //nolint:forbidigo // the same: a connection is being made
		for _, node := range []string{"n1", "n2"} {
			c.send(node).keep()
		}
		time.Sleep(time.Second) //nolint:forbidigo // the same
		seen := c.Seen()
		for _, cmd := range seen {
			if s, is := cmd.(*cluster.Steer); is && len(s.Assignments) > 0 {
				t.Errorf("moved: %+v", s.Assignments)
			}
		}
		if told := c.Told(cluster.TransitionPresence); slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, "n1: ") || strings.HasPrefix(s, "n2: ") }) {
			t.Errorf("a machine was taken for lost: %q", told)
		}
	})
}

// TestManyGroupsMoveInSeveralCommands holds that a machine may carry more groups than fit into an entry of the log with their reasons, and that all
// of them leave it.
func TestManyGroupsMoveInSeveralCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		const many = 300
		for i := range many {
			name := fmt.Sprintf("g%03d", i)
			c.Do(failovertest.Put(failovertest.GroupOf(name, fmt.Sprintf("10.0.%d.%d/16", 1+i/200, 1+i%200))))
			c.Assign(name, "n1", false)
		}
		c.open()
		c.send("n1").keep()
		c.send("n2").keep()
		time.Sleep(time.Second) //nolint:forbidigo // the clock of a bubble
		c.Do(failovertest.NodeCheck("n1", "disk", "disk", cluster.Critical, strings.Repeat("x", 1<<20)))
		time.Sleep(time.Second) //nolint:forbidigo // the same
		for i := range many {
			if a := c.Assignment(fmt.Sprintf("g%03d", i)); a.Node != "n2" {
				t.Fatalf("%s is on %q", a.Group, a.Node)
			}
		}
		for _, cmd := range c.Seen() {
			s, is := cmd.(*cluster.Steer)
			if !is {
				continue
			}
			bytes := 0
			for _, x := range s.Transitions {
				bytes += 200 + len(x.Why) + len(x.Detail)
			}
			if bytes > 512<<10 {
				t.Errorf("a command of %d assignments with %d bytes of reasons", len(s.Assignments), bytes)
			}
		}
	})
}

// TestServeRefuses holds what ends a lease channel.
func TestServeRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		for name, msgs := range map[string][]*lease.Renewal{
			"no name":   {{Seq: 1}},
			"two names": {{Node: "n1", Seq: 1}, {Node: "n2", Seq: 2}},
		} {
			near, far := failovertest.NewPipe(16)
			for _, r := range msgs {
				b, err := lease.EncodeRenewal(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = near.Send(b)
			}
			if err := c.assigner.Serve(c.ctx, far); cluster.CodeOf(err) != cluster.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		near, far := failovertest.NewPipe(16)
		_ = near.Send([]byte("\xc1not a message"))
		if err := c.assigner.Serve(c.ctx, far); cluster.CodeOf(err) != cluster.Invalid {
			t.Errorf("garbage: %v", err)
		}
	})
}

// TestChannelClosedIsForgotten holds that the way to a machine ends with its channel and what is known of it does not.
func TestChannelClosedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t).open()
		e := c.send("n1")
		c.holds("g", "n1")
		_ = e.stream.Close()
		failovertest.Within(t, "the end of Serve", e.ended)
		c.assigner.mu.Lock()
		ch := c.assigner.machines["n1"]
		if ch == nil || ch.out != nil || ch.last.IsZero() {
			t.Errorf("channel: %+v", ch)
		}
		c.assigner.mu.Unlock()
		again := c.send("n1").keep()
		failovertest.Eventually(t, "the next channel is answered", func() bool { return again.knows("g", "n1") })
	})
}

// TestCommitFails holds that a decision that could not be committed is taken again.
func TestCommitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.FailWith(cluster.Errorf(cluster.Unknown, "the outcome is not known"))
		c.open()
		c.send("n1").keep()
		failovertest.Eventually(t, "it tried more than once", func() bool { return c.Written() > 2 })
		c.FailWith(nil)
		c.holds("g", "n1")
	})
}

// TestAnswersAMachineAtRestNowAndThen holds that renewals which say nothing new are not answered one by one, that one which asks for something
// is, and that a machine at rest hears of its leader before it would think it dead.
func TestAnswersAMachineAtRestNowAndThen(t *testing.T) {
	answered := func(e *envoy) (n int) {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, a := range e.answers {
			if a.Seq > 0 {
				n++
			}
		}
		return n
	}
	t.Run("not each", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCourt(t)
			c.opts.TTL = time.Hour
			e := c.open().send("n2")
			failovertest.Eventually(t, "the leader has said who it is", func() bool { return e.knows("g", "") || e.knows("g", "n2") })
			for range 20 {
				e.renew()
			}
			e.claim("g", 99)
			failovertest.Eventually(t, "the answer to the claim", func() bool { return e.refused() != "" })
			if n := answered(e); n != 1 {
				t.Errorf("%d answers to renewals, want only the one to the claim", n)
			}
		})
	})
	t.Run("within the lease", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newCourt(t).open().send("n2").keep()
			for range 3 {
				before := answered(e)
				failovertest.Eventually(t, "another answer", func() bool { return answered(e) > before })
			}
		})
	})
}

// TestAWitnessIsGivenNothing holds that a machine which carries no groups has none for a moment either, though it was known before the group was.
func TestAWitnessIsGivenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourt(t)
		c.Do(&cluster.DeleteGroup{Name: "g"})
		w := c.open().send("n1")
		w.change(func() { w.say.Unable = map[string]string{cluster.AnyGroup: "this machine is a witness"} })
		failovertest.Eventually(t, "the leader knows", func() bool {
			p := c.Store.View().Presence("n1")
			return p != nil && p.Live && p.Hinders("g") != ""
		})
		c.Do(on("n1", "g", "10.0.0.100/24"))
		c.send("n2")
		c.holds("g", "n2")
		if told := c.Told(cluster.TransitionAssign); len(told) != 1 || !strings.HasPrefix(told[0], "n2 is the best machine") {
			t.Errorf("assignments: %q", told)
		}
		if told := c.Told(cluster.TransitionPresence); !slices.Contains(told, "n1 carries no groups: this machine is a witness") {
			t.Errorf("presences: %q", told)
		}
	})
}
