package rpc

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// What was said before a close arrives, even where the peer was still talking and reads late: 1 MiB is more than the kernel takes at the
// receiving side as long as nobody reads.

func TestAnswersAndGoodbyeArriveAtALateReader(t *testing.T) {
	handled := make(chan struct{})
	s := serve(t, Options{}, func(s *Server) {
		s.Handle(methodEcho, func(_ context.Context, req []byte) ([]byte, error) {
			close(handled)
			return req, nil
		})
	})
	conn := dialRaw(t, s)
	b := frame{kind: kindRequest, id: 1, method: methodEcho, body: make([]byte, 1<<20)}.append([]byte{byte(muxCalls)})
	b = append(b, 0, 0, 0, 1, 99) // after this the server reads no more
	if _, err := conn.Write(append(b, make([]byte, 100<<10)...)); err != nil {
		t.Fatal(err)
	}
	within(t, "handler", handled)
	closeServer(t, s)
	wantFrames(t, conn, kindResponse, kindGoodbye)
}

func TestMessagesAndEndArriveAtALateReader(t *testing.T) {
	sent := make(chan struct{})
	s := serve(t, Options{}, func(s *Server) {
		s.HandleStream(methodOther, func(_ context.Context, st *Stream) error {
			_ = st.Send(make([]byte, 1<<20))
			close(sent)
			return nil
		})
	})
	conn := dialRaw(t, s)
	b := frame{kind: kindOpen, method: methodOther}.append([]byte{byte(muxStream)})
	if _, err := conn.Write(append(b, make([]byte, 100<<10)...)); err != nil {
		t.Fatal(err)
	}
	within(t, "handler", sent)
	for deadline := time.Now().Add(patience); s.conns.Load() > 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server waits for ever")
		}
	}
	wantFrames(t, conn, kindOpened, kindMessage, kindEnd)
}

// wantFrames fails unless these frames come from conn, and then its end.
func wantFrames(t *testing.T, conn net.Conn, want ...kind) {
	t.Helper()
	r := newReader(t.Context(), conn, 1<<20, patience)
	defer r.stop()
	for i, k := range want {
		if f, err := r.next(); err != nil || f.kind != k {
			t.Fatalf("frame %d: kind %d, %v; want kind %d", i, f.kind, err, k)
		}
	}
	if f, err := r.next(); err == nil {
		t.Errorf("one frame too many, of kind %d", f.kind)
	}
}

// The goodbye says that nothing else was handled, so it waits for every answer, also for those that find no room yet.
func TestGoodbyeWaitsForAnswersWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		ctx, cancel := context.WithCancelCause(context.Background())
		s := &Server{opts: Options{}.withDefaults(), handlers: map[Method]Handler{}}
		s.handlers[methodEcho] = func(context.Context, []byte) ([]byte, error) { return make([]byte, roomFor), nil }
		over := make(chan struct{})
		go func() {
			defer close(over)
			newServerConn(s, here).serve(ctx)
		}()
		for id := range uint64(4) {
			_, _ = there.Write(frame{kind: kindRequest, id: id, method: methodEcho}.append(nil))
		}
		synctest.Wait() // one answer is being written, one waits, two have no room
		cancel(cluster.Errorf(cluster.Unavailable, "closing"))
		synctest.Wait()
		wantFrames(t, there, kindResponse, kindResponse, kindResponse, kindResponse, kindGoodbye)
		<-over
	})
}

func TestNothingFollowsATornFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		s := newStream(t.Context(), here, Options{}.withDefaults())
		go func() { _, _ = io.ReadFull(there, make([]byte, 10)) }()
		wantCode(t, s.Send(bytes.Repeat([]byte{'x'}, 100)), cluster.Unavailable)
		rest := make(chan []byte, 1)
		go func() {
			b, _ := io.ReadAll(there)
			rest <- b
		}()
		synctest.Wait()
		_ = s.Close()
		if b := <-rest; len(b) > 0 {
			t.Errorf("%q followed half a message", b)
		}
	})
}

func TestCloseDoesNotWaitForASender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		s := newStream(t.Context(), here, Options{}.withDefaults())
		sent := make(chan error, 1)
		go func() { sent <- s.Send([]byte("x")) }()
		synctest.Wait()
		start := time.Now()
		_ = s.Close()
		wantCode(t, <-sent, cluster.Unavailable)
		if took := time.Since(start); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}
