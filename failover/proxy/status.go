package proxy

import (
	"cmp"
	"slices"
)

// Status is a proxy at one moment.
type Status struct {
	Name        string
	Listen      []string // as configured
	Mode        Mode
	Balance     Balance
	Why         string // of the table
	Connections int    // clients that are in, held ones included
	Held        int    // clients that wait for a backend
	Accepted    uint64 // clients ever
	Turned      uint64 // clients that got no backend in time
	Backends    []BackendStatus
}

// BackendStatus is a backend at one moment. The counts are since it came into the table.
type BackendStatus struct {
	Route     string
	ID        string
	Addr      string
	Epoch     uint64
	Weight    int
	State     string // "up", "doubted" after a failed connection, "draining" once it has left the table
	Active    int
	Opened    uint64
	Failed    uint64 // attempts to connect
	Cut       uint64 // connections that were broken because it left
	Sent      uint64 // bytes to it; those of an open connection are added every ten seconds
	Received  uint64 // bytes from it
	LastError string
}

// Status is the proxy as it is now, backends by route and ID.
func (p *Proxy) Status() Status {
	o := p.opts.Load()
	s := Status{
		Name: p.name, Listen: o.Listen, Mode: cmp.Or(o.Mode, TCP), Balance: cmp.Or(o.Balance, Least),
		Connections: p.gate.inside(), Held: int(p.held.Load()), Accepted: p.accepted.Load(), Turned: p.turned.Load(), Backends: []BackendStatus{},
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Why = p.whyLocked()
	for _, pool := range p.table.Load().pools {
		for _, t := range pool.targets {
			s.Backends = append(s.Backends, t.status())
		}
	}
	if o.Handler != nil {
		s.Backends = append(s.Backends, o.Handler.Backends()...)
	}
	for t := range p.leaving {
		s.Backends = append(s.Backends, t.status())
	}
	slices.SortFunc(s.Backends, func(a, b BackendStatus) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Addr, b.Addr))
	})
	return s
}

func (t *target) status() BackendStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := BackendStatus{
		Route: t.route, ID: t.id, Addr: t.addr, Epoch: t.epoch, Weight: int(t.weight.Load()), State: "up", Active: int(t.active.Load()), Opened: t.opened.Load(),
		Failed: t.failed.Load(), Cut: t.broken, Sent: t.sent.Load(), Received: t.received.Load(),
	}
	switch {
	case t.gone:
		b.State = "draining"
	case t.doubted.Load() > sinceBegan():
		b.State = "doubted"
	}
	if e := t.lastError.Load(); e != nil {
		b.LastError = *e
	}
	return b
}
