package proxy

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is one place that connections are passed to.
type Backend struct {
	ID     string // for people: "n1" or "n1/mysql-2"
	Addr   string // "10.0.0.11:3306"
	Weight int    // its share of new connections; 0 for none: it keeps those that it has
	Epoch  uint64 // a backend in another epoch is another backend

	Allow     []netip.Prefix // clients that may use it; none for all
	Deny      []netip.Prefix // clients that may not, whatever Allow says
	SendProxy int            // version of the PROXY header that it is sent; 0 for what Options say
}

// terms are what may change of a backend that stays.
type terms struct {
	allow, deny []netip.Prefix
	sendProxy   int
}

func (b *Backend) terms() *terms { return &terms{b.Allow, b.Deny, b.SendProxy} }

func (t *terms) equal(o *terms) bool {
	return slices.Equal(t.allow, o.allow) && slices.Equal(t.deny, o.deny) && t.sendProxy == o.sendProxy
}

// admits reports whether a client may use the backend.
func (t *terms) admits(client netip.Addr) bool {
	return !contains(t.deny, client) && (len(t.allow) == 0 || contains(t.allow, client))
}

// Table is what a Proxy passes to. The zero value is nobody.
type Table struct {
	Routes map[string][]Backend // by server name where the proxy reads it, "" for everybody else
	Cut    bool                 // connections to a backend that is not in the table any more are cut at once, not drained
	Why    string               // a sentence for people: why it is so, or why nobody is in it
}

// retryAfter is for how long a backend that could not be connected to comes last.
const retryAfter = 2 * time.Second

// target is a backend with its connections.
type target struct {
	identity
	weight atomic.Int64
	terms  atomic.Pointer[terms]

	active    atomic.Int64
	opened    atomic.Uint64
	failed    atomic.Uint64
	sent      atomic.Uint64 // bytes to the backend
	received  atomic.Uint64 // bytes from it
	doubted   atomic.Int64  // since the process began, in ns: until when it comes last
	lastError atomic.Pointer[string]

	mu     sync.Mutex // guards following
	gone   bool       // it is in no table any more and takes nothing new
	broken uint64     // connections that were cut
	links  map[*link]struct{}
}

// identity is what makes two backends the same. A change of the weight keeps connections and counts.
type identity struct {
	route, id, addr string
	epoch           uint64
}

var began = time.Now()

// sinceBegan is a monotonic clock that fits into an atomic.
func sinceBegan() int64 { return int64(time.Since(began)) }

// is reports whether the backend is this one already.
func (t *target) is(b Backend) bool {
	return t.id == b.ID && t.addr == b.Addr && t.epoch == b.Epoch && t.weight.Load() == int64(b.Weight) && t.terms.Load().equal(b.terms())
}

// add takes a connection, unless the backend has left the table meanwhile.
func (t *target) add(l *link) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return false
	}
	if t.links == nil {
		t.links = map[*link]struct{}{}
	}
	t.links[l] = struct{}{}
	t.opened.Add(1)
	return true
}

func (t *target) remove(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.links, l)
}

// leave takes the backend out: nothing new is passed to it. With cut, what it has is broken before leave returns.
func (t *target) leave(cut bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = true
	if cut {
		t.cutLocked()
	}
}

// cut breaks all connections.
func (t *target) cut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cutLocked()
}

func (t *target) cutLocked() {
	for l := range t.links {
		l.cut()
		t.broken++
	}
	clear(t.links)
}

func (t *target) fail(err error) {
	t.failed.Add(1)
	t.doubted.Store(sinceBegan() + int64(retryAfter))
	s := err.Error()
	t.lastError.Store(&s)
}

// pool is the backends of one route. It is replaced as a whole.
type pool struct {
	route   string
	targets []*target
	turn    *turn
}

// turn outlives a change of the table, so that a change does not begin the round again.
type turn struct {
	next atomic.Uint64

	mu     sync.Mutex // guards following
	credit map[identity]int
}

// table is what Set makes of a Table.
type table struct {
	pools   map[string]*pool
	cut     bool
	why     string
	changed chan struct{} // closed once another table is in force
}

// merge builds the next table: what stays keeps its connections and counts. It answers what is gone.
func (old *table) merge(routes map[string][]Backend) (next *table, gone []*target) {
	have := map[identity]*target{}
	for _, p := range old.pools {
		for _, t := range p.targets {
			have[t.identity] = t
		}
	}
	next = &table{pools: map[string]*pool{}, changed: make(chan struct{})}
	for route, backends := range routes {
		p := &pool{route: route, turn: &turn{credit: map[identity]int{}}}
		if o := old.pools[route]; o != nil {
			p.turn = o.turn
		}
		for _, b := range backends {
			id := identity{route, b.ID, b.Addr, b.Epoch}
			t := have[id]
			if t == nil {
				t = &target{identity: id}
			}
			delete(have, id)
			t.weight.Store(int64(b.Weight))
			t.terms.Store(b.terms())
			p.targets = append(p.targets, t)
		}
		p.turn.forget(p.targets)
		next.pools[route] = p
	}
	return next, slices.Collect(maps.Values(have))
}

// equal reports whether a table offers the same already.
func (old *table) equal(routes map[string][]Backend) bool {
	if len(old.pools) != len(routes) {
		return false
	}
	for route, backends := range routes {
		p := old.pools[route]
		if p == nil || !slices.EqualFunc(p.targets, backends, (*target).is) {
			return false
		}
	}
	return true
}

// forget drops the credit of those who are gone.
func (t *turn) forget(targets []*target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.credit, func(id identity, _ int) bool {
		return !slices.ContainsFunc(targets, func(x *target) bool { return x.identity == id })
	})
}
