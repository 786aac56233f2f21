package outbox

import (
	"sync"
)

// Stream carries messages between a machine and the leader, in order, until either side closes it.
type Stream interface {
	Send(msg []byte) error
	Recv() ([]byte, error)
	Close() error
}

// Outbox sends the messages of one side of a lease channel, in order, without making anyone wait. When the other side does not take
// them, the oldest are dropped: every message says how things are now, and a later one says it better.
type Outbox struct {
	stream Stream
	wake   chan struct{} // holds one

	mu     sync.Mutex // guards following
	queue  [][]byte
	closed bool
}

// maxQueue is how many messages wait at most.
const maxQueue = 64

// New makes the outbox of one side of a stream. Run sends.
func New(s Stream) *Outbox { return &Outbox{stream: s, wake: make(chan struct{}, 1)} }

// Send queues a message. It never waits.
func (o *Outbox) Send(msg []byte) {
	o.mu.Lock()
	if len(o.queue) >= maxQueue {
		o.queue = o.queue[1:]
	}
	o.queue = append(o.queue, msg)
	o.mu.Unlock()
	o.signal()
}

func (o *Outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run sends until Close, or until the stream fails; then it closes the stream, so that the reader ends too.
func (o *Outbox) Run() {
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

// take is the next message, nil for none at the moment; more is false once the Outbox is closed and empty.
func (o *Outbox) take() (msg []byte, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return nil, !o.closed
	}
	msg = o.queue[0]
	o.queue = o.queue[1:]
	return msg, true
}

// Close ends Run once everything that was queued is sent.
func (o *Outbox) Close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.signal()
}
