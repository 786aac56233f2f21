package proxy

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Fleet is the proxies of one machine, by name.
type Fleet struct {
	log      *slog.Logger
	retiring sync.WaitGroup

	mu      sync.Mutex // guards following
	proxies map[string]*Proxy
	retired map[*Proxy]struct{} // that listen no more and have connections still
}

// NewFleet makes a fleet without proxies.
func NewFleet(log *slog.Logger) *Fleet {
	return &Fleet{log: log, proxies: map[string]*Proxy{}, retired: map[*Proxy]struct{}{}}
}

// Configure makes these the proxies. One that listens where it did keeps its listeners, its table and every connection; one that is not named any
// more ends when its connections have. An error changes nothing.
func (f *Fleet) Configure(want map[string]Options) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := distinct(want); err != nil {
		return err
	}
	var opened, moved []*Proxy
	next := map[string]*Proxy{}
	for name, o := range want {
		p := f.proxies[name]
		if p != nil && p.opts.Load().alike(&o) {
			next[name] = p
			continue
		}
		q := New(name, o, f.log)
		if p != nil {
			q.inherit(p)
			moved = append(moved, p)
		}
		if err := q.Open(); err != nil {
			for _, x := range append(opened, q) {
				x.Close()
			}
			return fmt.Errorf("proxy %q: %w", name, err)
		}
		opened, next[name] = append(opened, q), q
	}
	for name, p := range f.proxies {
		if next[name] == nil { // nobody follows its writer any more, if it has one
			p.endWriter()
			moved = append(moved, p)
		}
	}
	for name, p := range next {
		p.Configure(want[name])
	}
	f.proxies = next
	for _, p := range moved {
		f.retireLocked(p)
	}
	return nil
}

// retireLocked lets a proxy end in its own time.
func (f *Fleet) retireLocked(p *Proxy) {
	f.retired[p] = struct{}{}
	f.retiring.Go(func() {
		p.Retire()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.retired, p)
	})
}

// Set makes a table the one that counts for a proxy; for one that is not there, nothing. What a proxy of that name has kept from before it moved to
// another address follows the same table.
func (f *Fleet) Set(name string, t Table) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p := range f.retired {
		if p.name == name {
			p.Set(t)
		}
	}
	if p := f.proxies[name]; p != nil {
		p.Set(t)
	}
}

// Status is every proxy, by name.
func (f *Fleet) Status() []Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []Status{}
	for _, name := range slices.Sorted(maps.Keys(f.proxies)) {
		out = append(out, f.proxies[name].Status())
	}
	return out
}

// Close ends every proxy and its connections.
func (f *Fleet) Close() {
	f.mu.Lock()
	var all []*Proxy
	for _, p := range f.proxies {
		all = append(all, p)
	}
	for p := range f.retired {
		all = append(all, p)
	}
	f.proxies = map[string]*Proxy{}
	f.mu.Unlock()
	for _, p := range all {
		p.Close()
	}
	f.retiring.Wait()
}

// distinct refuses two proxies on one address.
func distinct(want map[string]Options) error {
	owner := map[string]string{}
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := want[name].Validate(); err != nil {
			return fmt.Errorf("proxy %q: %w", name, err)
		}
		for _, l := range want[name].Listen {
			addr, _ := bindAddr(l) // Validate has looked at it
			if o := owner[addr]; o != "" && !strings.HasSuffix(addr, ":0") {
				return fmt.Errorf("proxies %q and %q both listen on %s: an address and port belong to one proxy", o, name, cmp.Or(l, addr))
			}
			owner[addr] = name
		}
	}
	return nil
}

// alike reports whether a proxy can go on with its listeners.
func (o *Options) alike(other *Options) bool {
	return slices.Equal(o.Listen, other.Listen) && (o.Mode == Dynamic) == (other.Mode == Dynamic)
}
