package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
)

// openStream opens a stream of m to s for the test's life.
func openStream(t *testing.T, s *Server, m Method, opts Options) *Stream {
	t.Helper()
	st, err := newClient(t, opts).OpenStream(t.Context(), s.Addr().String(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func TestStreamBothDirections(t *testing.T) {
	st := openStream(t, serve(t, Options{}, echo), methodEchoStream, Options{})
	for _, size := range []int{0, 1, 1000, readBuffer, 1 << 20} {
		msg := bytes.Repeat([]byte{'x'}, size)
		if err := st.Send(msg); err != nil {
			t.Fatal(err)
		}
		if got, err := st.Recv(); err != nil || !bytes.Equal(got, msg) {
			t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
	if st.RemoteAddr() == nil {
		t.Error("no remote address")
	}
}

func TestStreamPushes(t *testing.T) {
	const n = 1000
	s := serve(t, Options{}, func(s *Server) {
		s.HandleStream(methodOther, func(_ context.Context, st *Stream) error {
			for i := range n {
				if err := st.Send([]byte(itoa(i))); err != nil {
					return err
				}
			}
			return nil
		})
	})
	st := openStream(t, s, methodOther, Options{})
	for i := range n {
		if got, err := st.Recv(); err != nil || string(got) != itoa(i) {
			t.Fatalf("message %d: %q, %v", i, got, err)
		}
	}
	for range 2 {
		if _, err := st.Recv(); err != io.EOF { //nolint:errorlint // the very value is promised
			t.Fatalf("after the last: %v, want io.EOF", err)
		}
	}
	if err := st.Send(nil); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("send after the end: %v", err)
	}
}

func TestStreamSendersDoNotMix(t *testing.T) {
	const senders, each = 8, 200
	st := openStream(t, serve(t, Options{}, echo), methodEchoStream, Options{})
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for range each {
				if err := st.Send(bytes.Repeat([]byte{byte(i)}, 100*(i+1))); err != nil {
					t.Errorf("send: %v", err)
					return
				}
			}
		})
	}
	for range senders * each {
		got, err := st.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if want := bytes.Repeat(got[:1], 100*(int(got[0])+1)); !bytes.Equal(got, want) {
			t.Fatal("two messages were mixed")
		}
	}
	all.Wait()
}

func TestStreamSlowsTheSenderDown(t *testing.T) {
	const n, size = 64, 512 << 10 // more than the kernel keeps
	gate := make(chan struct{})
	got := make(chan int, 1)
	s := serve(t, Options{}, func(s *Server) {
		s.HandleStream(methodOther, func(_ context.Context, st *Stream) error {
			<-gate
			count := 0
			for {
				if _, err := st.Recv(); err != nil {
					got <- count
					return err
				}
				count++
			}
		})
	})
	st := openStream(t, s, methodOther, Options{StallTimeout: patience})
	sent := make(chan error, 1)
	go func() {
		for range n {
			if err := st.Send(make([]byte, size)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	select {
	case err := <-sent:
		t.Fatalf("%d bytes were taken by nobody (%v)", n*size, err)
	case <-time.After(50 * time.Millisecond):
	}
	close(gate)
	if err := within(t, "sends", sent); err != nil {
		t.Fatal(err)
	}
	_ = st.Close()
	if count := within(t, "end", got); count != n {
		t.Errorf("%d messages before the end, want %d", count, n)
	}
}

func TestStreamGivesUpOnAStalledPeer(t *testing.T) {
	ended := make(chan struct{})
	s := serve(t, Options{}, func(s *Server) {
		s.HandleStream(methodOther, func(ctx context.Context, _ *Stream) error {
			<-ctx.Done()
			close(ended)
			return nil
		})
	})
	st := openStream(t, s, methodOther, Options{StallTimeout: 50 * time.Millisecond})
	for deadline := time.Now().Add(patience); ; {
		err := st.Send(make([]byte, 1<<20))
		if err != nil {
			wantCode(t, err, cluster.Unavailable)
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a peer that receives nothing took everything")
		}
	}
	start := time.Now()
	if err := st.Send([]byte("x")); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("the next send: %v", err)
	}
	if _, err := st.Recv(); cluster.CodeOf(err) != cluster.Unavailable {
		t.Errorf("recv: %v", err)
	}
	_ = st.Close()
	if took := time.Since(start); took > patience/2 {
		t.Errorf("a broken stream took %s to end", took)
	}
	closeServer(t, s)
	within(t, "end of the handler's context", ended)
}

func TestStreamHandlerErrors(t *testing.T) {
	for name, row := range map[string]struct{ err, want error }{
		"none":        {nil, io.EOF},
		"a peer's":    {fmt.Errorf("recv: %w", io.EOF), io.EOF},
		"of ours":     {fmt.Errorf("lease: %w", cluster.ErrNoLeader), cluster.ErrNoLeader},
		"of any kind": {errors.New("disk full"), &cluster.Error{Code: cluster.Internal, Message: "disk full"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{}, func(s *Server) {
				s.HandleStream(methodOther, func(_ context.Context, st *Stream) error {
					_ = st.Send([]byte("first"))
					return row.err
				})
			})
			st := openStream(t, s, methodOther, Options{})
			_ = st.Send([]byte("that nobody reads"))
			if got, err := st.Recv(); err != nil || string(got) != "first" {
				t.Fatalf("the message before the error: %q, %v", got, err)
			}
			for range 2 {
				if _, err := st.Recv(); !errors.Is(err, row.want) {
					t.Fatalf("error %v, want %v", err, row.want)
				}
			}
		})
	}
}

func TestStreamClosedByTheOpener(t *testing.T) {
	got := make(chan error, 1)
	s := serve(t, Options{}, func(s *Server) {
		s.HandleStream(methodOther, func(ctx context.Context, st *Stream) error {
			_, err := st.Recv()
			if err == nil {
				_, err = st.Recv()
			}
			if ctx.Err() == nil {
				t.Error("the handler's context goes on")
			}
			got <- err
			return err
		})
	})
	st := openStream(t, s, methodOther, Options{})
	if err := st.Send([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := st.Recv()
		waiting <- err
	}()
	for range 2 {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := within(t, "end", got); err != io.EOF { //nolint:errorlint // the very value is promised
		t.Errorf("the peer's Recv: %v, want io.EOF", err)
	}
	if err := within(t, "own Recv", waiting); err == nil {
		t.Error("own Recv: no error")
	}
	if err := st.Send(nil); cluster.CodeOf(err) != cluster.Unavailable || !errors.Is(err, net.ErrClosed) {
		t.Errorf("send after the close: %v", err)
	}
}

func TestStreamWhosePeerDies(t *testing.T) {
	addr := peer(t, func(conn net.Conn) {
		readFrames(t, conn, 1)
		_, _ = conn.Write(frame{kind: kindOpened}.append(nil))
		_ = conn.Close()
	})
	st, err := newClient(t, Options{}).OpenStream(t.Context(), addr, methodOther)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	_, err = st.Recv()
	wantCode(t, err, cluster.Unavailable)
	if errors.Is(err, io.EOF) {
		t.Error("a broken stream looks like one that was closed")
	}
}

func TestStreamEndsWithTheOpenersContext(t *testing.T) {
	handler := make(chan error, 1)
	s := serve(t, Options{}, func(s *Server) {
		s.HandleStream(methodOther, func(_ context.Context, st *Stream) error {
			_, err := st.Recv()
			handler <- err
			return err
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	st, err := newClient(t, Options{}).OpenStream(ctx, s.Addr().String(), methodOther)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := st.Recv()
		got <- err
	}()
	cancel()
	err = within(t, "recv", got)
	wantCode(t, err, cluster.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v does not say that the context was cancelled", err)
	}
	wantCode(t, st.Send(nil), cluster.Unavailable)
	_ = st.Close()
	if err := within(t, "handler", handler); !errors.Is(err, io.EOF) {
		t.Errorf("the peer's Recv: %v, want io.EOF", err)
	}
}

func TestStreamEndsWithTheClient(t *testing.T) {
	s := serve(t, Options{}, echo)
	c := newClient(t, Options{})
	st, err := c.OpenStream(t.Context(), s.Addr().String(), methodEchoStream)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	c.Close()
	_, err = st.Recv()
	wantCode(t, err, cluster.Unavailable)
}

func TestStreamEndsWithTheServer(t *testing.T) {
	s := serve(t, Options{}, echo)
	st := openStream(t, s, methodEchoStream, Options{})
	got := make(chan error, 1)
	go func() {
		_, err := st.Recv()
		got <- err
	}()
	closeServer(t, s)
	err := within(t, "recv", got)
	wantCode(t, err, cluster.Unavailable)
	if want := s.Addr().String() + " is closing"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestStreamOpening(t *testing.T) {
	s := serve(t, Options{}, echo)
	frozen := peer(t, func(net.Conn) {})
	strange := peer(t, func(conn net.Conn) {
		readFrames(t, conn, 1)
		_, _ = conn.Write(frame{kind: kindPong}.append(nil))
	})
	for name, row := range map[string]struct {
		addr   string
		method Method
		limit  time.Duration
		code   cluster.Code
	}{
		"a method that nobody serves": {s.Addr().String(), methodUnserved, patience, cluster.Unsupported},
		"a method for calls":          {s.Addr().String(), methodEcho, patience, cluster.Unsupported},
		"a peer that says nothing":    {frozen, methodEchoStream, 50 * time.Millisecond, cluster.Unavailable},
		"a peer that is no server":    {strange, methodEchoStream, patience, cluster.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, Options{DialTimeout: row.limit}).OpenStream(t.Context(), row.addr, row.method)
			wantCode(t, err, row.code)
		})
	}
	conn := dialRaw(t, s, frame{kind: kindMessage}.append([]byte{byte(muxStream)})...)
	r := newReader(t.Context(), conn, 1000, patience)
	defer r.stop()
	if f, err := r.next(); err != nil || f.kind != kindGoodbye || f.code != cluster.Invalid {
		t.Errorf("a stream that begins with a message: %+v, %v; want a goodbye", f, err)
	}
}

func TestStreamRecvTimeout(t *testing.T) {
	st := openStream(t, serve(t, Options{}, echo), methodEchoStream, Options{})
	st.SetRecvTimeout(patience)
	_ = st.Send([]byte("x"))
	if _, err := st.Recv(); err != nil {
		t.Fatal(err)
	}
	st.SetRecvTimeout(20 * time.Millisecond)
	_, err := st.Recv()
	wantCode(t, err, cluster.Unavailable)
	if !isTimeout(err) {
		t.Errorf("error %v does not say that it took too long", err)
	}
	if _, again := st.Recv(); again != err { //nolint:errorlint // the very value is promised
		t.Errorf("the next Recv: %v", again)
	}
}

func TestStreamMessageLimit(t *testing.T) {
	st := openStream(t, serve(t, Options{MaxMessage: 1000}, echo), methodEchoStream, Options{MaxMessage: 1000})
	wantCode(t, st.Send(make([]byte, 1001)), cluster.TooLarge)
	if err := st.Send(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if got, err := st.Recv(); err != nil || len(got) != 1000 {
		t.Errorf("the stream did not survive: %d bytes, %v", len(got), err)
	}

	big := openStream(t, serve(t, Options{MaxMessage: 1000}, echo), methodEchoStream, Options{})
	_ = big.Send(make([]byte, 5000))
	if _, err := big.Recv(); err == nil || cluster.CodeOf(err) == cluster.Internal {
		t.Errorf("a peer with a smaller limit: %v", err)
	}
}
