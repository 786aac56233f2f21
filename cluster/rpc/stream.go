package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"holdfast/cluster"
)

// Stream carries messages in both directions over a connection of its own. One goroutine may receive while others send. An error of
// Recv is final, and one of Send too unless it is cluster.TooLarge: only Close remains. Where the stream broke, its code is cluster.Unavailable,
// and a message that was sent before may have arrived or not.
//
// Nothing is buffered beyond what the kernel holds: a receiver that does not receive slows the sender down, and breaks the stream when it
// takes nothing for StallTimeout. A frozen peer is noticed by whoever expects words from it: see SetRecvTimeout.
type Stream struct {
	conn   net.Conn
	r      *reader
	opts   Options
	ctx    context.Context // ends when the stream breaks
	cancel context.CancelCauseFunc
	quiet  time.Duration // see SetRecvTimeout; belongs to the receiving goroutine
	over   error         // what Recv has ended with; belongs to the receiving goroutine

	mu   sync.Mutex // guards following, and keeps frames whole
	out  []byte     // the frame being sent
	torn bool       // a frame was sent in part: nothing may follow it
}

var errStreamClosed = fmt.Errorf("closed here: %w", net.ErrClosed)

func newStream(ctx context.Context, conn net.Conn, opts Options) *Stream {
	s := &Stream{conn: conn, opts: opts}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.r = newReader(s.ctx, conn, opts.MaxMessage, opts.StallTimeout)
	return s
}

// RemoteAddr is the peer's address.
func (s *Stream) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// SetRecvTimeout makes each following Recv fail if no message begins within d; 0 waits for ever. It belongs to the receiving goroutine.
func (s *Stream) SetRecvTimeout(d time.Duration) { s.quiet = d }

// Send sends one message, which it does not keep. It waits until the kernel has taken it, at most StallTimeout. A message over
// MaxMessage is refused with cluster.TooLarge and does not harm the stream.
func (s *Stream) Send(msg []byte) error {
	if len(msg) > s.opts.MaxMessage {
		return cluster.Errorf(cluster.TooLarge, "the message of %d bytes exceeds the limit of %d", len(msg), s.opts.MaxMessage)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return s.broken(context.Cause(s.ctx))
	}
	if err := s.writeLocked(frame{kind: kindMessage, body: msg}, s.opts.StallTimeout); err != nil {
		s.cancel(err)
		return s.broken(err)
	}
	return nil
}

func (s *Stream) writeLocked(f frame, limit time.Duration) error {
	if s.torn {
		return net.ErrClosed
	}
	s.out = f.append(s.out[:0])
	_ = s.conn.SetWriteDeadline(time.Now().Add(limit))
	_, err := s.conn.Write(s.out)
	s.torn = err != nil
	if cap(s.out) > keepSize {
		s.out = nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the peer took nothing for %s: %w", limit, err)
	}
	return err
}

// Recv waits for the next message, which then belongs to the caller. io.EOF says that the peer has closed the stream; the error of
// a peer's handler arrives as Call's do.
func (s *Stream) Recv() ([]byte, error) {
	if s.over != nil {
		return nil, s.over
	}
	s.r.idle = s.quiet
	f, err := s.r.next()
	switch {
	case err == nil && f.kind == kindMessage:
		return f.body, nil
	case err == nil && f.kind == kindEnd:
		s.over = io.EOF
	case err == nil && f.kind == kindGoodbye:
		s.over = f.remote()
	case err == nil:
		s.over = s.broken(fmt.Errorf("a frame of kind %d is no message", f.kind))
	case errors.Is(err, io.EOF): // a peer's end has a frame
		s.over = s.broken(io.ErrUnexpectedEOF)
	default:
		s.over = s.broken(err)
	}
	s.cancel(s.over)
	return nil, s.over
}

// broken is what the user of a stream learns that ended because of err.
func (s *Stream) broken(err error) error {
	return fmt.Errorf("%w: %w", cluster.Errorf(cluster.Unavailable, "the stream with %s broke", s.conn.RemoteAddr()), err)
}

// Close ends the stream. The peer receives io.EOF after the messages that were sent before; what it sends from now on is lost.
func (s *Stream) Close() error {
	s.close(frame{kind: kindEnd})
	return nil
}

// close ends the stream with f as the last word, if that can be said without waiting for somebody who is sending.
func (s *Stream) close(f frame) {
	s.r.stop()
	s.cancel(errStreamClosed)
	if s.mu.TryLock() {
		err := s.writeLocked(f, lingerTime)
		s.torn = true
		s.mu.Unlock()
		if err == nil {
			linger(s.conn)
			return
		}
	}
	abort(s.conn)
}
