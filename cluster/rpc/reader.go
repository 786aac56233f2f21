package rpc

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"holdfast/cluster"
)

const (
	readBuffer  = 16 << 10
	slowestRate = 256 << 10 // bytes per second below which a frame, once begun, arrives too slowly
)

// reader takes frames off a connection: as long as it takes for one to begin, but no longer than reasonable for it to arrive, and
// never more memory than what has arrived. One goroutine reads; when ctx ends, so does the wait.
type reader struct {
	ctx   context.Context
	conn  net.Conn
	buf   *bufio.Reader
	limit int           // bytes that a frame's body may have
	stall time.Duration // see Options.StallTimeout
	idle  time.Duration // how long to wait for a frame to begin; 0 is for ever
	timed bool          // the connection has a read deadline
	reads atomic.Uint64 // successful reads of the connection: a sign of life
	stop  func() bool
}

func newReader(ctx context.Context, conn net.Conn, limit int, stall time.Duration) *reader {
	r := &reader{ctx: ctx, conn: conn, limit: limit, stall: stall}
	r.buf = bufio.NewReaderSize(counted{r}, readBuffer)
	r.stop = context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(longAgo) })
	return r
}

// counted is the reader's connection, counting.
type counted struct{ r *reader }

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.conn.Read(p)
	if n > 0 {
		c.r.reads.Add(1)
	}
	return n, err
}

// next is the next frame, which owns its body. io.EOF means that the peer closed between two frames. No frame comes after ctx has ended.
func (r *reader) next() (frame, error) {
	f, err := r.read()
	if r.ctx.Err() != nil {
		return frame{}, context.Cause(r.ctx)
	}
	return f, err
}

func (r *reader) read() (frame, error) {
	if r.buf.Buffered() == 0 {
		if err := r.await(1, r.idle); err != nil {
			return frame{}, err
		}
	}
	if err := r.await(lengthSize, r.stall); err != nil {
		return frame{}, unexpected(err)
	}
	head, err := r.buf.Peek(lengthSize)
	if err != nil {
		return frame{}, err
	}
	n := int64(binary.BigEndian.Uint32(head))
	if n > int64(r.limit+frameOverhead) {
		return frame{}, cluster.Errorf(cluster.TooLarge, "a frame of %d bytes from %s exceeds the limit of %d", n, r.conn.RemoteAddr(), r.limit)
	}
	_, _ = r.buf.Discard(lengthSize)
	body, err := r.body(int(n))
	if err != nil {
		return frame{}, unexpected(err)
	}
	f, err := parseFrame(body)
	if err != nil {
		return frame{}, cluster.Errorf(cluster.Invalid, "cannot read what %s sent: %v", r.conn.RemoteAddr(), err)
	}
	return f, nil
}

// await waits until n bytes are buffered.
func (r *reader) await(n int, limit time.Duration) error {
	if r.buf.Buffered() >= n {
		return nil
	}
	if err := r.within(limit); err != nil {
		return err
	}
	_, err := r.buf.Peek(n)
	return err
}

// body reads n bytes into memory that grows with what arrives.
func (r *reader) body(n int) ([]byte, error) {
	if r.buf.Buffered() < n {
		if err := r.within(r.stall + time.Duration(n)*time.Second/slowestRate); err != nil {
			return nil, err
		}
	}
	b := make([]byte, 0, min(n, readBuffer))
	for len(b) < n {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(len(b), n-len(b)))
		}
		k, err := io.ReadFull(r.buf, b[len(b):min(cap(b), n)])
		b = b[:len(b)+k]
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// within sets the time for the reads that follow, which tell if that fails. The order matters: the context's end sets a deadline after
// its error can be seen.
func (r *reader) within(d time.Duration) error {
	switch {
	case d > 0:
		_ = r.conn.SetReadDeadline(time.Now().Add(d))
	case r.timed:
		_ = r.conn.SetReadDeadline(time.Time{})
	}
	r.timed = d > 0
	return r.ctx.Err()
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("in the middle of a frame: %w", io.ErrUnexpectedEOF)
	}
	return err
}
