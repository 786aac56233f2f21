package proxy

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// round is how often a busy direction pauses, for a moment, to count what has passed.
const round = 10 * time.Second

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
	idle time.Duration
	last atomic.Int64 // when something moved
}

// copy moves one direction to its end, and passes the end on. It reports false where that is the end of both.
//
// The deadline wakes it up from time to time; between two of them the kernel does all the work. A round is at most half of idle, so that the busy
// direction has always said so before the idle one gives up.
func (f *flow) copy(dst, src *net.TCPConn, count *atomic.Uint64) bool {
	every := round
	if f.idle > 0 {
		every = min(every, f.idle/2)
	}
	for {
		if err := src.SetReadDeadline(time.Now().Add(every)); err != nil {
			return false
		}
		n, err := dst.ReadFrom(src)
		if n > 0 {
			count.Add(uint64(n))
			f.last.Store(sinceBegan())
		}
		switch {
		case err == nil:
			return dst.CloseWrite() == nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return false
		case f.idle > 0 && sinceBegan()-f.last.Load() >= int64(f.idle):
			return false
		}
	}
}
