package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/cluster"
)

// clientConn carries the calls to one address over one connection.
type clientConn struct {
	addr  string
	opts  Options
	r     *reader
	w     *writer
	began time.Time
	doubt atomic.Uint64 // one more than r.reads was, when a call ended without an answer; see doubtful

	mu      sync.Mutex // guards following
	lastID  uint64
	waiting map[uint64]chan<- answer
	retired bool  // the connection ends with the last call that waits
	err     error // why the connection has ended
}

// answer ends a call: with a frame of the peer, or because the connection ended.
type answer struct {
	frame frame
	err   error
}

// farewell is the peer's goodbye: it has not handled what it has not answered.
type farewell struct{ why *cluster.Error }

func (f farewell) Error() string { return f.why.Error() }
func (f farewell) Unwrap() error { return f.why }

func newClientConn(ctx context.Context, addr string, conn net.Conn, opts Options) *clientConn {
	return &clientConn{
		addr: addr, opts: opts, began: time.Now(), waiting: map[uint64]chan<- answer{},
		r: newReader(ctx, conn, opts.MaxCall, opts.StallTimeout), w: newWriter(conn, opts.StallTimeout),
	}
}

// run serves the connection until it ends, then calls unlink, and fails the calls that still wait.
func (c *clientConn) run(unlink func()) {
	over := make(chan struct{})
	var others sync.WaitGroup
	others.Go(c.w.run)
	others.Go(func() { c.watch(over) })
	err := c.read()
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s closed the connection: %w", c.addr, err)
	}
	err = c.w.fail(err)
	unlink()
	c.r.stop()
	close(over)
	others.Wait()
	c.end(err)
}

// read gives each answer to the call that waits for it.
func (c *clientConn) read() error {
	for {
		f, err := c.r.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kindResponse, kindFailure:
			if done := c.take(f.id); done != nil {
				done <- answer{frame: f}
			}
		case kindGoodbye:
			return farewell{f.remote()}
		case kindPong:
		default:
			return fmt.Errorf("%s sent a frame of kind %d, which is no answer", c.addr, f.kind)
		}
	}
}

// call sends a request and waits for its answer.
func (c *clientConn) call(ctx context.Context, m Method, req []byte) ([]byte, error) {
	f := frame{kind: kindRequest, method: m, body: req, timeout: timeLeft(ctx)}
	done, start, heard := make(chan answer, 1), time.Now(), c.r.reads.Load()
	var err error
	if f.id, err = c.expect(done); err != nil {
		return nil, notHandled(c.addr, err)
	}
	t, err := c.w.send(ctx, f)
	if err != nil {
		c.take(f.id)
		return nil, notHandled(c.addr, err)
	}
	select {
	case a := <-done:
		return c.outcome(a, m, t)
	case <-ctx.Done():
	}
	if time.Since(start) >= doubtAfter {
		c.doubt.Store(heard + 1)
	}
	switch {
	case c.take(f.id) == nil: // the answer was faster
		return c.outcome(<-done, m, t)
	case c.w.withdraw(t):
		return nil, notHandled(c.addr, context.Cause(ctx))
	default:
		_, _ = c.w.push(frame{kind: kindCancel, id: f.id})
		return nil, perhapsHandled(c.addr, context.Cause(ctx))
	}
}

// outcome is what an answer means to the caller.
func (c *clientConn) outcome(a answer, m Method, t ticket) ([]byte, error) {
	var bye farewell
	switch {
	case a.err == nil && a.frame.kind == kindResponse:
		return a.frame.body, nil
	case a.err == nil:
		return nil, a.frame.remote()
	case errors.As(a.err, &bye):
		return nil, fmt.Errorf("%w (%s was not begun)", bye.why, m)
	case c.w.unsent(t):
		return nil, notHandled(c.addr, a.err)
	default:
		return nil, perhapsHandled(c.addr, a.err)
	}
}

// expect enters a call, whose answer goes to done, and gives it its id.
func (c *clientConn) expect(done chan<- answer) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.lastID++
	c.waiting[c.lastID] = done
	return c.lastID, nil
}

// take removes a call and returns where its answer goes, or nil if that is taken already.
func (c *clientConn) take(id uint64) chan<- answer {
	c.mu.Lock()
	done := c.waiting[id]
	delete(c.waiting, id)
	over := c.retired && len(c.waiting) == 0
	c.mu.Unlock()
	if over {
		_ = c.w.fail(errReplaced)
	}
	return done
}

// busy reports whether calls wait.
func (c *clientConn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) > 0
}

// end fails every call that waits, and those to come.
func (c *clientConn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for _, done := range c.waiting {
		done <- answer{err: err}
	}
	clear(c.waiting)
}
