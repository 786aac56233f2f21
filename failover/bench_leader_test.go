package failover

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/failover/failovertest"
	"holdfast/failover/lease"
	"holdfast/failover/outbox"
)

// podium is a leader without a cluster, and the channel to it. It grants what it is told to grant.
type podium struct {
	t   testing.TB
	ttl time.Duration
	log *journal

	mu        sync.Mutex // guards following
	away      bool       // there is no leader
	mute      bool       // it takes renewals and says nothing
	refuses   bool       // it answers and grants nothing
	holdAsked int        // how often the voters were asked whether this machine may go on
	holdErr   error      // what they say
	term      uint64
	changed   chan struct{}
	beats     chan struct{}
	stream    *failovertest.Pipe // its end of the newest stream
	renewals  []*lease.Renewal   // all that arrived
}

func newPodium(tb testing.TB, ttl time.Duration, j *journal) *podium {
	tb.Helper()
	return &podium{t: tb, ttl: ttl, log: j, term: 1, changed: make(chan struct{}), beats: make(chan struct{}, 1)}
}

// set changes what the leader does.
func (p *podium) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// replaced makes another leader, in the next term, take over: streams end.
func (p *podium) replaced() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.term++
	close(p.changed)
	p.changed = make(chan struct{})
	if p.stream != nil {
		_ = p.stream.Close()
	}
}

func (p *podium) Hold(context.Context) error {
	p.set(func() { p.holdAsked++ })
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holdErr
}

// asked is how often the voters were asked.
func (p *podium) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holdAsked
}

func (p *podium) Beats() <-chan struct{} { return p.beats }

func (p *podium) LeaderChanged() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *podium) OpenLease(context.Context) (outbox.Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, cluster.ErrNoLeader
	}
	near, far := failovertest.NewPipe(256)
	p.stream = far
	go p.serve(far)
	return near, nil
}

func (p *podium) serve(s *failovertest.Pipe) {
	for {
		msg, err := s.Recv()
		if err != nil {
			return
		}
		r, err := lease.DecodeRenewal(msg)
		if err != nil {
			p.t.Errorf("a renewal that cannot be read: %v", err)
			return
		}
		p.took(s, r)
	}
}

func (p *podium) took(s *failovertest.Pipe, r *lease.Renewal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renewals = append(p.renewals, r)
	for _, c := range r.Claims {
		p.once("claim", c)
	}
	for _, c := range r.Released {
		p.once("release", c)
	}
	if p.mute {
		return
	}
	a := &lease.Answer{Seq: r.Seq, Term: p.term, TTL: p.ttl, Acknowledged: r.Released}
	if !p.refuses {
		a.Granted = r.Claims
	}
	p.say(s, a)
}

// once writes a claim or a release down when it is heard first.
func (p *podium) once(what string, c lease.Claim) {
	if line := fmt.Sprintf("%s %s %d", what, c.Group, c.Epoch); !p.log.has(line) {
		p.log.add(line)
	}
}

func (p *podium) say(s *failovertest.Pipe, a *lease.Answer) {
	msg, err := lease.EncodeAnswer(a)
	if err != nil {
		p.t.Error(err)
	}
	_ = s.Send(msg) // a stream that has ended hears nothing
}

// push says something unasked.
func (p *podium) push(a lease.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.Term, a.TTL = p.term, p.ttl
	p.say(p.stream, &a)
}

// grantLate grants what an earlier renewal asked for.
func (p *podium) grantLate(r *lease.Renewal) { p.push(lease.Answer{Seq: r.Seq, Granted: r.Claims}) }

func (p *podium) heard() []*lease.Renewal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.renewals)
}

// last is the newest renewal.
func (p *podium) last() lease.Renewal {
	all := p.heard()
	if len(all) == 0 {
		return lease.Renewal{}
	}
	return *all[len(all)-1]
}

// stage is a controller of the machine n1 with everything around it.
type stage struct {
	t *testing.T
	*failovertest.Cell
	*bench
	*podium
	controller *Controller
	opts       Options
	cancel     context.CancelFunc
	done       chan struct{} // closed when Run has ended
}

const testTTL = 400 * time.Millisecond

// newStage sets everything up and starts nothing. The group g with the address 10.0.0.100 is there, and nobody has it. It belongs in a bubble of
// synctest: there nothing comes late because the machine is busy.
func newStage(t *testing.T) *stage {
	t.Helper()
	b := newBench()
	s := &stage{t: t, Cell: failovertest.NewCell(t, "n1"), bench: b, podium: newPodium(t, testTTL, b.journal), opts: Options{
		UnfitFor: 300 * time.Millisecond,
		TTL:      testTTL, AnnounceEvery: time.Hour, RefreshEvery: 50 * time.Millisecond, StopTimeout: 300 * time.Millisecond, ProbeWait: time.Millisecond, Now: now,
	}}
	s.Do(append(failovertest.Three(), failovertest.Put(failovertest.GroupOf("g", "10.0.0.100/24")))...)
	return s
}

// start runs a controller until the end of the test, or until kill.
func (s *stage) start() *stage {
	s.ttl = s.opts.TTL
	s.controller = NewController(s.Cell, s.podium, s.bench, s.bench, s.opts, failovertest.Quiet())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func(c *Controller) {
		defer close(done)
		c.Run(ctx)
	}(s.controller)
	s.cancel, s.done = cancel, done
	s.t.Cleanup(func() {
		cancel()
		<-done
	})
	return s
}

// kill ends the controller as a crash would: nothing is put in order.
func (s *stage) kill() {
	s.cancel()
	select {
	case <-s.done:
	case <-time.After(failovertest.Patience):
		s.t.Fatal("Run goes on after its context has ended")
	}
}

// serves waits until the kernel lets the address of g be served.
func (s *stage) serves() {
	s.t.Helper()
	failovertest.Eventually(s.t, "n1 serves 10.0.0.100", func() bool { return s.serving("10.0.0.100") })
}

// wantOrder holds that lines came in this order, others in between aside, from the n-th line of the journal on.
func (s *stage) wantOrder(n int, lines ...string) {
	s.t.Helper()
	all := s.since(n)
	rest := all
	for _, l := range lines {
		i := slices.Index(rest, l)
		if i < 0 {
			s.t.Fatalf("%q is missing or out of order in\n  %s\nwant\n  %s", l, strings.Join(all, "\n  "), strings.Join(lines, "\n  "))
		}
		rest = rest[i+1:]
	}
}

// never holds that a line is not in the journal from the n-th line on.
func (s *stage) never(n int, line string) {
	s.t.Helper()
	if all := s.since(n); slices.Contains(all, line) {
		s.t.Errorf("%q happened:\n  %s", line, strings.Join(all, "\n  "))
	}
}

// renewsAgain waits until the leader has heard n more renewals.
func (s *stage) renewsAgain(n int) {
	s.t.Helper()
	had := len(s.heard())
	failovertest.Eventually(s.t, "more renewals", func() bool { return len(s.heard()) >= had+n })
}
