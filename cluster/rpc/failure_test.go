package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/cluster"
)

// Each test here is one way for a call to fail, and what the caller may conclude.

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	c := newClient(t, Options{})
	_, err = c.Call(t.Context(), l.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
	_, err = c.OpenStream(t.Context(), l.Addr().String(), methodEchoStream)
	wantCode(t, err, cluster.Unavailable)
}

func TestDialTimesOut(t *testing.T) {
	stuck := func(ctx context.Context, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c := newClient(t, Options{Dial: stuck, DialTimeout: 30 * time.Millisecond})
	_, err := c.Call(t.Context(), "10.0.0.1:8300", methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v does not say that it took too long", err)
	}
}

func TestContextEndsWhileDialing(t *testing.T) {
	dialing, over := make(chan struct{}), make(chan struct{})
	stuck := func(ctx context.Context, _ string) (net.Conn, error) {
		close(dialing)
		<-ctx.Done()
		close(over)
		return nil, ctx.Err()
	}
	c := newClient(t, Options{Dial: stuck, DialTimeout: patience})
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, "10.0.0.1:8300", methodEcho, nil)
		returned <- err
	}()
	within(t, "dial", dialing)
	cancel()
	err := within(t, "return", returned)
	wantCode(t, err, cluster.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v does not say that the context was cancelled", err)
	}
	c.Close()
	within(t, "end of the dial when the client closes", over)
}

func TestContextThatHasEnded(t *testing.T) {
	var dials atomic.Int64
	c := newClient(t, Options{Dial: counting(&dials)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Call(ctx, "127.0.0.1:1", methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
	if dials.Load() != 0 {
		t.Error("dialed for a call that nobody waits for")
	}
}

func TestPeerDiesMidCall(t *testing.T) {
	const calls = 10
	addr := peer(t, func(conn net.Conn) {
		readFrames(t, conn, calls)
		_ = conn.Close()
	})
	c := newClient(t, Options{})
	returned := make(chan error, calls)
	for range calls {
		go func() {
			_, err := c.Call(context.Background(), addr, methodEcho, []byte("x"))
			returned <- err
		}()
	}
	for range calls {
		wantCode(t, within(t, "return", returned), cluster.Unknown)
	}
}

func TestPeerResetsMidCall(t *testing.T) {
	addr := peer(t, func(conn net.Conn) {
		readFrames(t, conn, 1)
		_ = conn.(*net.TCPConn).SetLinger(0) // closing sends a reset
		_ = conn.Close()
	})
	_, err := newClient(t, Options{}).Call(context.Background(), addr, methodEcho, nil)
	wantCode(t, err, cluster.Unknown)
}

func TestFrozenPeer(t *testing.T) {
	addr := peer(t, func(net.Conn) {}) // accepts, reads nothing, says nothing

	t.Run("a call with a deadline heeds it", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // by then the call has to be sent
		defer cancel()
		_, err := newClient(t, Options{}).Call(ctx, addr, methodEcho, nil)
		wantCode(t, err, cluster.Unknown)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v does not say that the deadline passed", err)
		}
	})
	t.Run("a call without one ends with the silence", func(t *testing.T) {
		_, err := newClient(t, Options{SilenceTimeout: time.Second}).Call(context.Background(), addr, methodEcho, nil)
		wantCode(t, err, cluster.Unknown)
	})
	t.Run("a request that does not fit the kernel's memory was not handled", func(t *testing.T) {
		c := newClient(t, Options{SilenceTimeout: patience, StallTimeout: 100 * time.Millisecond})
		_, err := c.Call(context.Background(), addr, methodEcho, make([]byte, 48<<20))
		wantCode(t, err, cluster.Unavailable)
	})
	t.Run("nor was one that waits behind it", func(t *testing.T) {
		c := newClient(t, Options{SilenceTimeout: patience, StallTimeout: patience})
		big, small := make(chan error, 1), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := c.Call(ctx, addr, methodEcho, make([]byte, 48<<20))
			big <- err
		}()
		awaitSent(t, c, addr, 1<<10)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := c.Call(ctx, addr, methodEcho, nil)
			small <- err
		}()
		wantCode(t, within(t, "return", small), cluster.Unavailable)
		cancel()
		wantCode(t, within(t, "return", big), cluster.Unknown)
	})
}

// awaitSent waits until the client's connection to addr has sent n bytes.
func awaitSent(t *testing.T, c *Client, addr string, n uint64) {
	t.Helper()
	conn, err := c.connection(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); conn.w.sent.Load() < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes were sent, want %d", conn.w.sent.Load(), n)
		}
		<-time.After(time.Millisecond)
	}
}

func TestClosingServerAnswersWhatItBeganAndRefusesTheRest(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	s := serve(t, Options{}, func(s *Server) {
		s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
			close(began)
			<-ctx.Done()
			<-ended // so the answer comes well after the server stopped reading
			return []byte("done"), nil
		})
	})
	addr := s.Addr().String()
	c := newClient(t, Options{})
	type result struct {
		resp []byte
		err  error
	}
	first, second := make(chan result, 1), make(chan result, 1)
	go func() {
		resp, err := c.Call(context.Background(), addr, methodOther, nil)
		first <- result{resp, err}
	}()
	within(t, "handler", began)
	closed := make(chan struct{})
	go func() {
		closeServer(t, s)
		close(closed)
	}()
	<-s.ctx.Done()
	awaitStopped(t, addr)
	go func() {
		resp, err := c.Call(context.Background(), addr, methodOther, nil) // on the open connection, which nobody reads any more
		second <- result{resp, err}
	}()
	conn, err := c.connection(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	awaitSent(t, c, addr, conn.w.sent.Load()+1)
	select {
	case <-closed:
		t.Fatal("the server closed while a handler ran")
	default:
	}
	close(ended)
	if r := within(t, "first answer", first); r.err != nil || string(r.resp) != "done" {
		t.Errorf("the call that was begun: %q, %v", r.resp, r.err)
	}
	r := within(t, "second answer", second)
	wantCode(t, r.err, cluster.Unavailable)
	within(t, "close", closed)
	if _, err := c.Call(t.Context(), addr, methodOther, nil); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("a call after the close: %v", err)
	}
}

// awaitStopped waits until nobody accepts at addr.
func awaitStopped(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("%s still accepts", addr)
		}
	}
}

func TestClientReconnects(t *testing.T) {
	first, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	echo(first)
	first.Open()
	addr := first.Addr().String()
	c := newClient(t, Options{})
	if _, err := c.Call(t.Context(), addr, methodEcho, nil); err != nil {
		t.Fatal(err)
	}
	closeServer(t, first)

	second, err := Listen(addr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	echo(second)
	second.Open()
	defer closeServer(t, second)
	for deadline := time.Now().Add(patience); ; {
		_, err := c.Call(t.Context(), addr, methodEcho, nil)
		if err == nil {
			return
		}
		wantCode(t, err, cluster.Unavailable) // never in doubt
		if time.Now().After(deadline) {
			t.Fatalf("still: %v", err)
		}
	}
}

func TestClosedClient(t *testing.T) {
	began := make(chan struct{})
	s := serve(t, Options{}, func(s *Server) {
		s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
			close(began)
			<-ctx.Done()
			return nil, nil
		})
	})
	c := NewClient(Options{})
	returned := make(chan error, 1)
	go func() {
		_, err := c.Call(context.Background(), s.Addr().String(), methodOther, nil)
		returned <- err
	}()
	within(t, "handler", began)
	c.Close()
	wantCode(t, within(t, "return", returned), cluster.Unknown)
	_, err := c.Call(t.Context(), s.Addr().String(), methodOther, nil)
	wantCode(t, err, cluster.Unavailable)
	_, err = c.OpenStream(t.Context(), s.Addr().String(), methodOther)
	wantCode(t, err, cluster.Unavailable)
	c.Close() // again
}

func TestPeerThatSendsGarbage(t *testing.T) {
	for name, garbage := range map[string][]byte{
		"text":            []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"an empty frame":  {0, 0, 0, 0},
		"an unknown kind": {0, 0, 0, 1, 99},
		"a request":       frame{kind: kindRequest, id: 1, method: methodEcho}.append(nil),
		"a cut frame":     {0, 0, 0, 9, byte(kindResponse)},
	} {
		t.Run(name, func(t *testing.T) {
			addr := peer(t, func(conn net.Conn) {
				readFrames(t, conn, 1)
				_, _ = conn.Write(garbage)
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			})
			_, err := newClient(t, Options{}).Call(context.Background(), addr, methodEcho, nil)
			wantCode(t, err, cluster.Unknown)
		})
	}
}

func TestAnswerThatNobodyWaitsForIsDropped(t *testing.T) {
	addr := peer(t, func(conn net.Conn) {
		f := readFrames(t, conn, 1)[0]
		b := frame{kind: kindResponse, id: f.id + 1, body: []byte("wrong")}.append(nil)
		b = frame{kind: kindPong}.append(b)
		_, _ = conn.Write(frame{kind: kindResponse, id: f.id, body: []byte("right")}.append(b))
	})
	resp, err := newClient(t, Options{}).Call(t.Context(), addr, methodEcho, nil)
	if err != nil || string(resp) != "right" {
		t.Errorf("got %q, %v", resp, err)
	}
}
