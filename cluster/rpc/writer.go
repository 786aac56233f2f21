package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	roomFor   = 1 << 20   // bytes that may wait before senders do
	writeSize = 256 << 10 // bytes written at a time, each with a deadline of its own
	keepSize  = 64 << 10  // memory that a connection keeps for its next writes
)

// writer gathers the frames of many senders and gives all that wait to the kernel in one write. Its owner runs run in a goroutine.
type writer struct {
	conn  net.Conn
	stall time.Duration // see Options.StallTimeout
	wake  chan struct{} // holds a token when run has something to look at
	ended chan struct{} // closed when run has returned
	sent  atomic.Uint64 // bytes that the kernel has taken

	mu      sync.Mutex    // guards following
	pending []byte        // frames that run has not taken yet
	base    uint64        // bytes queued before pending
	room    chan struct{} // closed when pending was taken; nil when no sender waits
	done    bool          // no more frames will come
	err     error         // why nothing can be sent any more
}

// ticket is a frame's place in all that a connection sends: its first byte and the one after its last.
type ticket struct{ start, end uint64 }

var errSendDone = errors.New("the connection is being closed here")

func newWriter(conn net.Conn, stall time.Duration) *writer {
	return &writer{conn: conn, stall: stall, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// send queues f. While more waits than there is room for, so does the sender, until ctx ends. An error means that f was not queued.
func (w *writer) send(ctx context.Context, f frame) (ticket, error) {
	w.mu.Lock()
	for w.err == nil && len(w.pending) >= roomFor {
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ticket{}, context.Cause(ctx)
		}
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	return w.queueLocked(f)
}

// push queues f whether there is room or not, and never waits.
func (w *writer) push(f frame) (ticket, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queueLocked(f)
}

func (w *writer) queueLocked(f frame) (ticket, error) {
	if w.err != nil {
		return ticket{}, w.err
	}
	if w.done {
		return ticket{}, errSendDone
	}
	if len(w.pending) == 0 {
		w.signal()
	}
	start := w.base + uint64(len(w.pending))
	w.pending = f.append(w.pending)
	return ticket{start, w.base + uint64(len(w.pending))}, nil
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// withdraw takes a frame back, and reports whether that was still possible.
func (w *writer) withdraw(t ticket) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.start < w.base {
		return false
	}
	w.pending[t.start-w.base+lengthSize] = byte(kindVoid)
	return true
}

// unsent reports whether the kernel has not taken the whole frame. Once run has returned, the peer will not have it either.
func (w *writer) unsent(t ticket) bool { return t.end > w.sent.Load() }

// run writes until finish or fail.
func (w *writer) run() {
	defer close(w.ended)
	var batch []byte
	for {
		if batch = w.take(batch); batch == nil {
			return
		}
		if err := w.write(batch); err != nil {
			w.fail(err)
			return
		}
	}
}

// take waits for frames and returns all there are, or nil when there will be none; spare is memory to queue the following ones in.
func (w *writer) take(spare []byte) []byte {
	if cap(spare) > keepSize {
		spare = nil
	}
	for {
		w.mu.Lock()
		if w.err != nil || (w.done && len(w.pending) == 0) {
			w.mu.Unlock()
			return nil
		}
		if batch := w.pending; len(batch) > 0 {
			w.pending = spare[:0]
			w.base += uint64(len(batch))
			w.makeRoomLocked()
			w.mu.Unlock()
			return batch
		}
		w.mu.Unlock()
		<-w.wake
		runtime.Gosched() // whoever is about to send goes first, and shares this write
	}
}

func (w *writer) write(batch []byte) error {
	for len(batch) > 0 {
		_ = w.conn.SetWriteDeadline(time.Now().Add(w.stall))
		n, err := w.conn.Write(batch[:min(len(batch), writeSize)])
		w.sent.Add(uint64(n))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%s took nothing for %s", w.conn.RemoteAddr(), w.stall)
		}
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

func (w *writer) makeRoomLocked() {
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
}

// finish sends what is queued, no more after that, and waits for it.
func (w *writer) finish() {
	w.mu.Lock()
	w.done = true
	w.signal()
	w.mu.Unlock()
	<-w.ended
}

// fail ends the connection because of err, and returns the first such reason.
func (w *writer) fail(err error) error {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
		w.makeRoomLocked()
		w.signal()
	}
	err = w.err
	w.mu.Unlock()
	abort(w.conn)
	return err
}
