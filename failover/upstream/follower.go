package upstream

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/proxy"
	"holdfast/failover/proxy/web"
)

// Agent is what is read of the member that this runs on.
type Agent interface {
	WatchView() *state.View
	Query(ctx context.Context, opts cluster.QueryOptions, read func(*state.View) error) (cluster.QueryMeta, error)
}

// Within is for how long a word of the leader on who holds a group counts, where leases last ttl.
func Within(ttl time.Duration) time.Duration { return ttl }

// Settled is how long after its lease was granted a new writer has to wait: until every proxy has cut what goes by an older word, and a little.
func Settled(ttl time.Duration) time.Duration { return Within(ttl) + Within(ttl)/4 }

// Follower keeps the tables of a fleet as the state says.
type Follower struct {
	agent  Agent
	fleet  *proxy.Fleet
	within time.Duration
	log    *slog.Logger

	mu       sync.Mutex // guards following
	handlers map[string]*handler
	parent   context.Context
	end      context.CancelFunc
	running  *sync.WaitGroup

	apply     sync.Mutex           // guards following; the view is taken under it, so that none is followed by an older one
	writers   map[string]string    // proxy -> the ID of the writer that is offered
	confirmed map[string]time.Time // group -> when the newest question was asked that the leader has answered
}

// New makes a follower. ttl is that of the leases.
func New(a Agent, f *proxy.Fleet, ttl time.Duration, log *slog.Logger) *Follower {
	return &Follower{
		agent: a, fleet: f, within: Within(ttl), log: log.With("component", "proxy"), running: &sync.WaitGroup{}, end: func() {},
		handlers: map[string]*handler{}, writers: map[string]string{}, confirmed: map[string]time.Time{},
	}
}

// Open says how long everything lasts. Nothing runs yet.
func (f *Follower) Open(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parent = ctx
}

// Configure makes these the proxies. An error changes nothing.
func (f *Follower) Configure(specs []Spec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	specs = slices.Clone(specs)
	rules := map[string]web.Options{}
	for i := range specs {
		s := &specs[i]
		if s.Options.Mode != proxy.HTTP && s.Options.Mode != proxy.HTTPSNI {
			continue
		}
		o, err := s.web()
		if err != nil {
			return err
		}
		if f.handlers[s.Name] == nil {
			f.handlers[s.Name] = &handler{web.New(o, f.log)}
		}
		rules[s.Name], s.Options.Handler = o, f.handlers[s.Name]
	}
	options, err := Options(specs, f.log)
	if err == nil {
		err = f.fleet.Configure(options)
	}
	if err != nil {
		return err
	}
	for name, o := range rules {
		f.handlers[name].Configure(o)
	}
	f.end()
	f.running.Wait()
	ctx, cancel := context.WithCancel(f.parent)
	f.end = cancel
	groups := map[string][]*Spec{}
	for i := range specs {
		s := &specs[i]
		if s.Group != "" {
			groups[s.Group] = append(groups[s.Group], s)
		}
		f.running.Go(func() { f.follow(ctx, s) })
	}
	for g, of := range groups {
		f.running.Go(func() { f.confirm(ctx, g, of) })
		f.running.Go(func() { f.doubt(ctx, g, of) })
	}
	return nil
}

// Close ends the following, and then the proxies with their connections.
func (f *Follower) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
	f.running.Wait()
	f.fleet.Close()
}

// follow sets a proxy's table whenever the state says something else.
func (f *Follower) follow(ctx context.Context, s *Spec) {
	for ctx.Err() == nil {
		_ = f.set(s).Wait(ctx) // changed or over: the loop condition tells
	}
}

// set makes a proxy's table what the state says now. It answers the view that was read.
func (f *Follower) set(s *Spec) *state.View {
	f.apply.Lock()
	defer f.apply.Unlock()
	v := f.agent.WatchView()
	t := s.table(v, f.writers[s.Name])
	if s.Group != "" && time.Since(f.confirmed[s.Group]) > f.within {
		t = proxy.Table{Cut: true, Routes: routes(), Why: "no leader has confirmed for " + f.within.String() + " who holds " + s.Group}
	}
	f.writers[s.Name] = ""
	if w := t.Routes[""]; s.one() && len(w) == 1 {
		f.writers[s.Name] = w[0].ID
	}
	f.fleet.Set(s.Name, t)
	return v
}

// confirm asks the leader several times in a lease, with a majority behind it, for the newest assignment. What is known here afterwards is at
// least as new as the question.
func (f *Follower) confirm(ctx context.Context, group string, of []*Spec) {
	tick := time.NewTicker(f.within / 4)
	defer tick.Stop()
	for {
		asked := time.Now()
		ask, cancel := context.WithTimeout(ctx, f.within)
		_, err := f.agent.Query(ask, cluster.QueryOptions{Consistency: cluster.Consistent}, func(v *state.View) error { v.Assignment(group); return nil })
		cancel()
		if err == nil {
			f.apply.Lock()
			f.confirmed[group] = asked
			f.apply.Unlock()
			for _, s := range of {
				f.set(s)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// doubt looks often whether the leader's word is too old.
func (f *Follower) doubt(ctx context.Context, group string, of []*Spec) {
	tick := time.NewTicker(f.within / 16)
	defer tick.Stop()
	for doubted := false; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		f.apply.Lock()
		old := time.Since(f.confirmed[group]) > f.within
		f.apply.Unlock()
		if old && !doubted {
			for _, s := range of {
				f.set(s)
			}
		}
		doubted = old
	}
}
