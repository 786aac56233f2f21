package proxy

import (
	"cmp"
	"context"
	"time"
)

// breath is the pause before backends that have all refused are asked again.
const breath = 100 * time.Millisecond

// connect finds a backend for a client. Every backend is tried once, and while there is time, again; the client is held meanwhile.
func (p *Proxy) connect(c *client, o *Options) (*link, *target, error) {
	deadline := time.Now().Add(o.Hold)
	var tried []*target
	held := false
	defer func() {
		if held {
			p.held.Add(-1)
		}
	}()
	for {
		t := p.table.Load()
		var x *target
		if pool := t.pools[c.route]; pool != nil {
			if pool.bars(addrOf(c.from)) {
				return nil, nil, errDenied
			}
			x = pool.choose(o.Balance, addrOf(c.from), tried)
		}
		if x == nil {
			if !held {
				held = true
				p.held.Add(1)
			}
			if !p.wait(t, c, deadline, len(tried) > 0) {
				return nil, nil, errNoBackend
			}
			tried = tried[:0]
			continue
		}
		if l := p.try(x, c, o, deadline); l != nil {
			return l, x, nil
		}
		tried = append(tried, x)
	}
}

// try connects to one backend. It counts as one of its connections from the start, so that who comes at once goes elsewhere.
func (p *Proxy) try(x *target, c *client, o *Options, deadline time.Time) *link {
	x.active.Add(1)
	conn, err := p.dial(x, o, deadline)
	if err != nil {
		x.active.Add(-1)
		if p.ctx.Err() == nil {
			x.fail(err)
			p.log.Debug("a backend does not take a connection", "backend", x.id, "error", err)
		}
		return nil
	}
	l := &link{client: c, backend: conn}
	if !x.add(l) { // it has left meanwhile
		_ = conn.Close()
		x.active.Add(-1)
		return nil
	}
	x.doubted.Store(0)
	if err := l.open(cmp.Or(x.terms.Load().sendProxy, o.SendProxy)); err != nil { // it is gone again: nothing of the client was passed on for good
		x.remove(l)
		_ = conn.Close()
		x.active.Add(-1)
		x.fail(err)
		return nil
	}
	return l
}

func (p *Proxy) dial(x *target, o *Options, deadline time.Time) (*conn, error) {
	limit := o.ConnectTimeout
	if limit == 0 {
		limit = DefaultOptions().ConnectTimeout
	}
	if o.Hold > 0 {
		limit = min(limit, max(time.Until(deadline), breath))
	}
	return dial(p.ctx, x.addr, limit)
}

// open says to the backend what was read of the client so far, behind the header that it may want.
func (l *link) open(version int) error {
	b, err := l.client.header(version)
	if err != nil {
		return err
	}
	if b = append(b, l.client.early...); len(b) == 0 {
		return nil
	}
	_, err = l.backend.Write(b)
	return err
}

// wait is for another table, or, where backends were tried, for a breath. It reports false when there is nothing to wait for any more.
func (p *Proxy) wait(t *table, c *client, deadline time.Time, again bool) bool {
	left := time.Until(deadline)
	if left <= 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(p.ctx, left)
	defer cancel()
	tick := time.NewTimer(breath)
	defer tick.Stop()
	for {
		select {
		case <-t.changed:
			return true
		case <-tick.C:
			if c.conn.hungUp() {
				return false
			}
			if again {
				return true
			}
			tick.Reset(breath)
		case <-ctx.Done():
			return false
		}
	}
}
