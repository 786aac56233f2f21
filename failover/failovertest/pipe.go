package failovertest

import (
	"errors"
)

// Pipe is a Stream in memory. It belongs to the side that sends into out.
type Pipe struct {
	in, out chan []byte
	closed  chan struct{} // shared by both sides
	close   func()
}

// NewPipe makes both ends of a stream.
func NewPipe(room int) (a, b *Pipe) {
	closed := make(chan struct{})
	once := make(chan struct{}, 1)
	shut := func() {
		select {
		case once <- struct{}{}:
			close(closed)
		default:
		}
	}
	x, y := make(chan []byte, room), make(chan []byte, room)
	return &Pipe{in: x, out: y, closed: closed, close: shut}, &Pipe{in: y, out: x, closed: closed, close: shut}
}

var errPipe = errors.New("the pipe is closed")

// Send sends, and waits while the pipe is full.
func (p *Pipe) Send(msg []byte) error {
	select {
	case <-p.closed:
		return errPipe
	default:
	}
	select {
	case p.out <- msg:
		return nil
	case <-p.closed:
		return errPipe
	}
}

// Recv gives what was sent before the end, and then the error.
func (p *Pipe) Recv() ([]byte, error) {
	select {
	case msg := <-p.in:
		return msg, nil
	default:
	}
	select {
	case msg := <-p.in:
		return msg, nil
	case <-p.closed:
		return nil, errPipe
	}
}

// Close ends both sides.
func (p *Pipe) Close() error {
	p.close()
	return nil
}
