package proxy

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Proxy is one listener, or several that pass to the same backends.
type Proxy struct {
	name    string
	log     *slog.Logger
	opts    atomic.Pointer[Options]
	table   atomic.Pointer[table]
	gate    *gate
	running sync.WaitGroup
	ctx     context.Context // of everything that runs
	cancel  context.CancelFunc

	held     atomic.Int64  // clients that wait for a backend
	turned   atomic.Uint64 // clients that got none in time
	accepted atomic.Uint64

	mu        sync.Mutex // guards following
	listeners []*net.TCPListener
	ports     map[string]*net.TCPListener // of mode Dynamic, by route
	unheard   map[string]string           // routes that cannot be listened on, with the reason
	server    *server                     // of mode HTTP, once there was a client
	leaving   map[*target]struct{}        // that have left the table and have connections still
	closed    bool
}

// New describes a proxy; Open starts it. Its table is empty: clients wait.
func New(name string, o Options, log *slog.Logger) *Proxy {
	p := &Proxy{name: name, log: log.With("proxy", name), leaving: map[*target]struct{}{}, gate: newGate(o.MaxConnections)}
	p.opts.Store(&o)
	p.table.Store(&table{pools: map[string]*pool{}, changed: make(chan struct{})})
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Open listens. Where the address is not there and this system insists on it, Open goes on and listens once it is.
func (p *Proxy) Open() error {
	if p.opts.Load().Mode == Dynamic {
		p.running.Go(p.keepListening)
		return nil
	}
	for _, addr := range p.opts.Load().Listen {
		l, err := listen(p.ctx, addr)
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			p.log.Warn("the address is not on this machine: the proxy listens once it is", "address", addr)
			p.running.Go(func() { p.listenLater(addr) })
			continue
		}
		if err == nil {
			err = p.serve(l)
		}
		if err != nil {
			p.Close()
			return err
		}
	}
	return nil
}

// listenLater tries until the address is there.
func (p *Proxy) listenLater(addr string) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			return
		}
		if l, err := listen(p.ctx, addr); err == nil {
			_ = p.serve(l) // the proxy is closed: so is the listener
			return
		}
	}
}

var errClosed = errors.New("the proxy is closed")

func (p *Proxy) serve(l *net.TCPListener) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = l.Close() // nobody has connected yet
		return errClosed
	}
	p.listeners = append(p.listeners, l)
	p.running.Go(func() { p.accept(l, "") })
	return nil
}

// Addrs are the addresses that the proxy listens on now.
func (p *Proxy) Addrs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, l := range p.listeners {
		out = append(out, l.Addr().String())
	}
	for _, route := range slices.Sorted(maps.Keys(p.ports)) {
		out = append(out, p.ports[route].Addr().String())
	}
	return out
}

// Configure changes everything but the addresses, for the connections that begin from now on.
func (p *Proxy) Configure(o Options) {
	o.Listen = p.opts.Load().Listen
	p.opts.Store(&o)
	p.gate.limit(o.MaxConnections)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil && !p.closed {
		p.serverLocked(&o)
	}
}

// Set makes a table the one that counts. With Cut, everyone who is not in it has lost their connections before anyone new is offered.
func (p *Proxy) Set(t Table) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.table.Load()
	if old.equal(t.Routes) && old.cut == t.Cut && old.why == t.Why {
		return
	}
	next, gone := old.merge(t.Routes)
	next.cut, next.why = t.Cut, t.Why
	for _, g := range gone {
		g.leave(t.Cut)
	}
	p.table.Store(next)
	close(old.changed)
	p.listenLocked()
	for _, g := range gone {
		p.leaving[g] = struct{}{}
		p.running.Go(func() { p.drain(g) })
	}
}

// drain waits until the connections of a backend that has left are gone, or cuts them when their time is up.
func (p *Proxy) drain(t *target) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.leaving, t)
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	for t.active.Load() > 0 {
		if limit := p.opts.Load().Drain; limit > 0 && time.Since(start) >= limit {
			t.cut()
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			t.cut() // whoever closes the proxy may not find it among the leaving any more
			return
		}
	}
}

// Close listens no more, cuts everything and waits until nothing runs.
func (p *Proxy) Close() {
	p.stopListening()
	p.cancel()
	p.gate.close()
	p.Set(Table{Cut: true})
	p.mu.Lock()
	for t := range p.leaving {
		t.cut()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// Retire is Close with patience: it listens no more, and lets the connections last for Options.Drain. Set goes on to count.
func (p *Proxy) Retire() {
	p.stopListening()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	p.mu.Lock()
	if s := p.server; s != nil {
		p.running.Go(func() { s.retire(p.ctx, p.patience()) })
	}
	p.mu.Unlock()
	start := time.Now()
	for limit := p.opts.Load().Drain; p.gate.inside() > 0 && (limit == 0 || time.Since(start) < limit); {
		select {
		case <-tick.C:
		case <-p.ctx.Done():
		}
		if p.ctx.Err() != nil {
			break
		}
	}
	p.Close()
}

func (p *Proxy) stopListening() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, l := range p.listeners {
		_ = l.Close() // accept ends by it
	}
	for _, l := range p.ports {
		_ = l.Close() // likewise
	}
	p.listeners, p.ports = nil, nil
}

// inherit begins with the table of another proxy.
func (p *Proxy) inherit(from *Proxy) {
	routes := map[string][]Backend{}
	for route, pool := range from.table.Load().pools {
		routes[route] = nil
		for _, t := range pool.targets {
			x := t.terms.Load()
			routes[route] = append(routes[route], Backend{
				ID: t.id, Addr: t.addr, Epoch: t.epoch, Weight: int(t.weight.Load()), Allow: x.allow, Deny: x.deny, SendProxy: x.sendProxy,
			})
		}
	}
	p.Set(Table{Routes: routes, Cut: from.table.Load().cut, Why: from.table.Load().why})
}

// endWriter cuts everything where the table is one that cuts.
func (p *Proxy) endWriter() {
	if p.table.Load().cut {
		p.Set(Table{Cut: true})
	}
}
