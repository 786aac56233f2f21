package failover

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
)

// pipe is a Stream in memory. It belongs to the side that sends into out.
type pipe struct {
	in, out chan []byte
	closed  chan struct{} // shared by both sides
	close   func()
}

// newPipe makes both ends of a stream.
func newPipe(room int) (a, b *pipe) {
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
	return &pipe{in: x, out: y, closed: closed, close: shut}, &pipe{in: y, out: x, closed: closed, close: shut}
}

var errPipe = errors.New("the pipe is closed")

func (p *pipe) Send(msg []byte) error {
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
func (p *pipe) Recv() ([]byte, error) {
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

func (p *pipe) Close() error {
	p.close()
	return nil
}

func TestOutboxSendsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newPipe(0)
		out := newOutbox(near)
		go out.run()
		for i := range 10 {
			out.send(fmt.Append(nil, i))
		}
		for i := range 10 {
			if msg, err := far.Recv(); err != nil || string(msg) != strconv.Itoa(i) {
				t.Fatalf("message %d: %q, %v", i, msg, err)
			}
		}
		out.close()
		synctest.Wait()
		if _, err := far.Recv(); err == nil {
			t.Error("the stream is open after close")
		}
	})
}

// TestOutboxNeverWaits holds that a peer who takes nothing costs the sender neither time nor memory: the oldest messages go.
func TestOutboxNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newPipe(0)
		out := newOutbox(near)
		go out.run()
		out.send([]byte("under way"))
		synctest.Wait()
		for i := range 3 * maxQueue {
			out.send(fmt.Append(nil, i))
		}
		if msg, _ := far.Recv(); string(msg) != "under way" {
			t.Fatalf("first: %q", msg)
		}
		for i := range maxQueue {
			if msg, _ := far.Recv(); string(msg) != strconv.Itoa(2*maxQueue+i) {
				t.Fatalf("message %d: %q, want the newest %d", i, msg, maxQueue)
			}
		}
		out.close()
	})
}

// TestOutboxClosesABrokenStream holds that the reader of a stream ends when the writer has failed, and that send stays harmless.
func TestOutboxClosesABrokenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newPipe(0)
		out := newOutbox(near)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			out.run()
		}()
		_ = far.Close()
		out.send([]byte("x"))
		<-ended
		out.send([]byte("y"))
		out.close()
		out.close()
	})
}
