package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"holdfast/cluster"
)

// Client calls other members. It keeps one connection for each address, which carries all calls to it, and takes another where that has fallen
// silent (doubt.go).
type Client struct {
	opts    Options
	ctx     context.Context // ends when the client closes
	cancel  context.CancelCauseFunc
	running sync.WaitGroup // the connections

	mu    sync.Mutex // guards following
	links map[string]*link
}

// link is the connection to one address, or the attempt at it.
type link struct {
	ready chan struct{} // closed when the attempt is over; then the following stand
	conn  *clientConn
	err   error
}

var errClientClosed = errors.New("the client is closed")

// NewClient makes a client, which connects as it is used.
func NewClient(opts Options) *Client {
	c := &Client{opts: opts.withDefaults(), links: map[string]*link{}}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	return c
}

// Close ends every connection and stream, fails the calls that wait, and waits for all of that.
func (c *Client) Close() {
	c.mu.Lock() // a link that is being added either is seen by the Wait below, or sees this
	c.cancel(errClientClosed)
	c.mu.Unlock()
	c.running.Wait()
}

// Call asks the member at addr and returns its answer. What an error says about whether the request was handled stands in the package comment.
// The request is not kept after the return.
func (c *Client) Call(ctx context.Context, addr string, m Method, req []byte) ([]byte, error) {
	if len(req) > c.opts.MaxCall {
		return nil, cluster.Errorf(cluster.TooLarge, "the request of %d bytes (%s) exceeds the limit of %d", len(req), m, c.opts.MaxCall)
	}
	if ctx.Err() != nil {
		return nil, notHandled(addr, context.Cause(ctx))
	}
	conn, err := c.connection(ctx, addr)
	if err != nil {
		return nil, notHandled(addr, err)
	}
	return conn.call(ctx, m, req)
}

// connection is the connection to addr, made if there is none. All who want it wait for the same attempt, each as long as its own context lasts.
func (c *Client) connection(ctx context.Context, addr string) (*clientConn, error) {
	l, err := c.link(addr)
	if err != nil {
		return nil, err
	}
	select {
	case <-l.ready:
		return l.conn, l.err
	default:
	}
	select {
	case <-l.ready:
		return l.conn, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *Client) link(addr string) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, context.Cause(c.ctx)
	}
	if l := c.links[addr]; l != nil && !l.replaceable() {
		return l, nil
	} else if l != nil {
		l.conn.retire()
	}
	l := &link{ready: make(chan struct{})}
	c.links[addr] = l
	c.running.Go(func() { c.run(addr, l) })
	return l, nil
}

// run makes l's connection, and serves it until it ends.
func (c *Client) run(addr string, l *link) {
	conn, err := c.dial(c.ctx, addr, muxCalls)
	if err != nil {
		l.err = err
		c.unlink(addr, l)
		close(l.ready)
		return
	}
	l.conn = newClientConn(c.ctx, addr, conn, c.opts)
	close(l.ready)
	l.conn.run(func() { c.unlink(addr, l) })
}

// unlink makes the next call to addr dial anew.
func (c *Client) unlink(addr string, l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links[addr] == l {
		delete(c.links, addr)
	}
}

func (c *Client) dial(ctx context.Context, addr string, m mux) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.opts.DialTimeout, fmt.Errorf("no connection to %s within %s: %w", addr, c.opts.DialTimeout, context.DeadlineExceeded))
	defer cancel()
	conn, err := c.opts.connect(ctx, addr, m)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return conn, err
}
