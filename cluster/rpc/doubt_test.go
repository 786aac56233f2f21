package rpc

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// frozenLine is the way to a peer over which, from its first connection on, nothing goes through once it is frozen. Later connections are well.
type frozenLine struct {
	mu     sync.Mutex // guards following
	dialed int
	frozen chan struct{}
	closed int // of the connections that were frozen
}

// seen is how many connections were made, and how many of the frozen ones are closed.
func (l *frozenLine) seen() (dialed, closed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialed, l.closed
}

// dial connects with the peer, which serves h.
func (l *frozenLine) dial(h Handler) func(context.Context, string) (net.Conn, error) {
	return func(context.Context, string) (net.Conn, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.dialed++
		here, there := net.Pipe()
		if l.dialed > 1 {
			go overPipe(there, h)
			return here, nil
		}
		near, far := net.Pipe()
		go overPipe(near, h)
		go func() {
			_, _ = io.Copy(swallower{far, l.frozen}, there)
			l.mu.Lock()
			l.closed++
			l.mu.Unlock()
			_ = far.Close()
		}()
		go func() { _, _ = io.Copy(swallower{there, l.frozen}, far) }()
		return here, nil
	}
}

// swallower swallows what is written once it is frozen.
type swallower struct {
	net.Conn
	frozen <-chan struct{}
}

func (s swallower) Write(b []byte) (int, error) {
	select {
	case <-s.frozen:
		return len(b), nil
	default:
		return s.Conn.Write(b)
	}
}

const answered cluster.Code = 255 // no error

// TestASilentConnectionIsReplaced holds that after a call without an answer the next one takes a new connection, that a call which still
// waits on the old one keeps it, and that it ends with that.
func TestASilentConnectionIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &frozenLine{frozen: make(chan struct{})}
		c := NewClient(Options{Dial: line.dial(func(_ context.Context, b []byte) ([]byte, error) { return b, nil })})
		defer c.Close()
		call := func(limit time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err := c.Call(ctx, "peer", methodEcho, []byte("x"))
			return err
		}
		if err := call(time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) //nolint:forbidigo // the clock of a bubble
		close(line.frozen)
		patient := make(chan error, 1)
		go func() { patient <- call(time.Second) }()
		synctest.Wait()
		for _, x := range []struct {
			limit  time.Duration
			code   cluster.Code
			dialed int
		}{
			{20 * time.Millisecond, cluster.Unknown, 1}, // too short to mean anything
			{100 * time.Millisecond, cluster.Unknown, 1},
			{100 * time.Millisecond, answered, 2},
			{100 * time.Millisecond, answered, 2},
		} {
			err := call(x.limit)
			synctest.Wait()
			if dialed, closed := line.seen(); dialed != x.dialed || closed != 0 || (err == nil) != (x.code == answered) || err != nil && cluster.CodeOf(err) != x.code {
				t.Errorf("a call of %s: %v; %d connections, %d closed", x.limit, err, dialed, closed)
			}
		}
		if err := <-patient; cluster.CodeOf(err) != cluster.Unknown {
			t.Errorf("the patient call: %v", err)
		}
		synctest.Wait()
		if _, closed := line.seen(); closed != 1 {
			t.Error("the old connection is kept when nobody waits on it")
		}
	})
}

// TestASlowAnswerIsNoSilence holds that a connection on which anything is heard stays, whatever calls end without an answer.
func TestASlowAnswerIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line, over := &frozenLine{frozen: make(chan struct{})}, make(chan struct{})
		c := NewClient(Options{Dial: line.dial(func(_ context.Context, b []byte) ([]byte, error) {
			if len(b) > 0 {
				<-over
			}
			return b, nil
		})})
		defer c.Close()
		defer close(over)
		for range 10 {
			slow := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				_, err := c.Call(ctx, "peer", methodEcho, []byte("x"))
				slow <- err
			}()
			time.Sleep(50 * time.Millisecond) //nolint:forbidigo // the clock of a bubble
			if _, err := c.Call(t.Context(), "peer", methodEcho, nil); err != nil {
				t.Error(err)
			}
			if err := <-slow; err == nil {
				t.Error("the slow call was answered")
			}
		}
		if dialed, _ := line.seen(); dialed != 1 {
			t.Errorf("%d connections", dialed)
		}
	})
}
