package failover

import (
	"sync"
)

// outbox sends the messages of one side of a lease channel, in order, without making anyone wait. When the other side does not take
// them, the oldest are dropped: every message says how things are now, and a later one says it better.
type outbox struct {
	stream Stream
	wake   chan struct{} // holds one

	mu     sync.Mutex // guards following
	queue  [][]byte
	closed bool
}

// maxQueue is how many messages wait at most.
const maxQueue = 64

func newOutbox(s Stream) *outbox { return &outbox{stream: s, wake: make(chan struct{}, 1)} }

// send queues a message. It never waits.
func (o *outbox) send(msg []byte) {
	o.mu.Lock()
	if len(o.queue) >= maxQueue {
		o.queue = o.queue[1:]
	}
	o.queue = append(o.queue, msg)
	o.mu.Unlock()
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends until close, or until the stream fails; then it closes the stream, so that the reader ends too.
func (o *outbox) run() {
	defer o.stream.Close()
	for range o.wake {
		for {
			msg, more := o.take()
			if !more {
				return
			}
			if msg == nil {
				break
			}
			if err := o.stream.Send(msg); err != nil {
				return
			}
		}
	}
}

// take is the next message, nil for none at the moment; more is false once the outbox is closed and empty.
func (o *outbox) take() (msg []byte, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return nil, !o.closed
	}
	msg = o.queue[0]
	o.queue = o.queue[1:]
	return msg, true
}

// close ends run once everything that was queued is sent.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.signal()
}
