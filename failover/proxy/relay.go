package proxy

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// round is how often a busy direction pauses, for a moment, to count what has passed.
const round = 10 * time.Second

// A connection begins with copies through a small buffer: most are over after a few words, and the pipes that splice needs would cost them
// more. One that goes on, or has much to say, is left to the kernel.
const (
	firstWords = 16
	wordSize   = 4 << 10
)

var words = sync.Pool{New: func() any { return new([wordSize]byte) }}

// relay moves bytes both ways until both directions have ended, one of them has failed, or nothing has moved for idle.
func (p *Proxy) relay(l *link, t *target, idle time.Duration) {
	f := &flow{idle: idle}
	f.last.Store(sinceBegan())
	done := make(chan struct{})
	t.sent.Add(uint64(len(l.client.early)))
	go func() {
		defer close(done)
		if !f.copy(l.client.conn, l.backend, &t.received) {
			l.close()
		}
	}()
	if !f.copy(l.backend, l.client.conn, &t.sent) {
		l.close()
	}
	<-done
	l.close()
}

// flow is what the two directions of a link know of each other.
type flow struct {
	idle  time.Duration
	last  atomic.Int64 // when something moved
	ended atomic.Bool  // one direction has
}

// copy moves one direction to its end, and passes the end on. It reports false where that is the end of both.
func (f *flow) copy(dst, src *conn, count *atomic.Uint64) bool {
	err := f.begin(dst, src, count)
	if err == nil {
		err = f.rest(dst, src, count)
	}
	switch {
	case !errors.Is(err, io.EOF):
		return false
	case f.ended.Swap(true):
		return true // the other has, too: both are closed
	}
	return dst.CloseWrite() == nil
}

// errIdle ends a connection on which nothing moves.
var errIdle = errors.New("nothing has moved for the idle timeout")

// begin copies the first words, and returns nil when it is time for splice.
func (f *flow) begin(dst, src *conn, count *atomic.Uint64) error {
	buf := words.Get().(*[wordSize]byte)
	defer words.Put(buf)
	for range firstWords {
		if f.idle > 0 {
			if err := src.SetReadDeadline(time.Now().Add(f.idle / 2)); err != nil {
				return err
			}
		}
		n, err := src.Read(buf[:])
		if n > 0 {
			f.moved(count, n)
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return f.tooLong()
		case err != nil:
			return err
		case n == wordSize:
			return nil
		}
	}
	return nil
}

func (f *flow) moved(count *atomic.Uint64, n int) {
	count.Add(uint64(n))
	f.last.Store(sinceBegan())
}

func (f *flow) tooLong() error {
	if f.idle > 0 && sinceBegan()-f.last.Load() >= int64(f.idle) {
		return errIdle
	}
	return nil
}

// rest moves what follows; its end is io.EOF.
//
// The deadline wakes it up from time to time; between two of them the kernel does all the work. A round is at most half of idle, so that the busy
// direction has always said so before the idle one gives up.
func (f *flow) rest(dst, src *conn, count *atomic.Uint64) error {
	every := round
	if f.idle > 0 {
		every = min(every, f.idle/2)
	}
	for {
		if err := src.SetReadDeadline(time.Now().Add(every)); err != nil {
			return err
		}
		n, err := dst.moveFrom(src)
		if n > 0 {
			f.moved(count, int(n))
		}
		switch {
		case err == nil:
			return io.EOF
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		if err := f.tooLong(); err != nil {
			return err
		}
	}
}
