package proxy

import (
	"errors"
	"net"
	"sync"
	"time"
)

// accept takes clients, who go by a route unless they name another, until the listener is closed. At the limit it stops taking: the kernel keeps the
// others waiting.
func (p *Proxy) accept(l *net.TCPListener, route string) {
	for p.gate.wait() {
		c, err := l.AcceptTCP()
		if err == nil {
			p.gate.enter()
			p.accepted.Add(1)
			p.running.Go(func() { p.pass(c, route) })
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		p.log.Error("cannot accept a connection", "error", err) // out of file descriptors, most likely: it passes
		t := time.NewTimer(50 * time.Millisecond)
		select {
		case <-t.C:
		case <-p.ctx.Done():
		}
		t.Stop()
	}
}

// gate lets so many in and no more.
type gate struct {
	mu     sync.Mutex // guards following
	room   *sync.Cond
	max    int // 0 for no limit
	in     int
	closed bool
}

func newGate(limit int) *gate {
	g := &gate{max: limit}
	g.room = sync.NewCond(&g.mu)
	return g
}

// wait waits for room. It reports false once the gate is closed. Each listener waits for itself, so that one of several may let in one too many.
func (g *gate) wait() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.closed && g.max > 0 && g.in >= g.max {
		g.room.Wait()
	}
	return !g.closed
}

func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in++
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	g.room.Signal()
}

func (g *gate) limit(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.max = n
	g.room.Broadcast()
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.room.Broadcast()
}

// inside is how many are in.
func (g *gate) inside() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.in
}
