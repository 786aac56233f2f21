package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestCallAnswers(t *testing.T) {
	s := serve(t, Options{}, echo)
	c := newClient(t, Options{})
	for _, size := range []int{0, 1, 100, readBuffer, 3 << 20} {
		req := bytes.Repeat([]byte{'x'}, size)
		resp, err := c.Call(t.Context(), s.Addr().String(), methodEcho, req)
		if err != nil || !bytes.Equal(resp, req) {
			t.Errorf("%d bytes: got %d back, error %v", size, len(resp), err)
		}
	}
}

func TestHandlerErrorsArriveAsTheyWere(t *testing.T) {
	long := string(bytes.Repeat([]byte{'l'}, maxErrorText+1))
	for _, row := range []struct {
		name string
		err  error
		want *cluster.Error
	}{
		{"a sentinel", cluster.ErrNoLeader, cluster.ErrNoLeader},
		{"a wrapped sentinel", fmt.Errorf("apply: %w", cluster.ErrNoLeader), cluster.ErrNoLeader},
		{"a conflict", cluster.Errorf(cluster.Conflict, "key %q has index 7", "a"), &cluster.Error{Code: cluster.Conflict, Message: `key "a" has index 7`}},
		{"any other", errors.New("disk full"), &cluster.Error{Code: cluster.Internal, Message: "disk full"}},
		{"a context that ended", fmt.Errorf("apply: %w", context.Canceled), &cluster.Error{Code: cluster.Unknown, Message: "apply: context canceled"}},
		{"a deadline", context.DeadlineExceeded, &cluster.Error{Code: cluster.Unknown, Message: "context deadline exceeded"}},
		{"no text", &cluster.Error{Code: cluster.NotFound}, &cluster.Error{Code: cluster.NotFound}},
		{"too much text", errors.New(long), &cluster.Error{Code: cluster.Internal, Message: long[:maxErrorText]}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, Options{}, func(s *Server) {
				s.Handle(methodOther, func(context.Context, []byte) ([]byte, error) { return []byte("ignored"), row.err })
			})
			resp, err := newClient(t, Options{}).Call(t.Context(), s.Addr().String(), methodOther, nil)
			if !errors.Is(err, row.want) || resp != nil {
				t.Errorf("got %q, %v; want the error %v", resp, err, row.want)
			}
		})
	}
}

func TestAnswersComeInAnyOrder(t *testing.T) {
	const n = 50
	var gates [n]chan struct{}
	for i := range gates {
		gates[i] = make(chan struct{})
	}
	s := serve(t, Options{}, func(s *Server) {
		s.Handle(methodOther, func(_ context.Context, req []byte) ([]byte, error) {
			<-gates[req[0]]
			return req, nil
		})
	})
	var dials atomic.Int64
	c := newClient(t, Options{Dial: counting(&dials)})
	answers := make(chan byte, n)
	for i := range n {
		go func() {
			resp, err := c.Call(t.Context(), s.Addr().String(), methodOther, []byte{byte(i)})
			if err != nil {
				t.Errorf("call %d: %v", i, err)
				resp = []byte{255}
			}
			answers <- resp[0]
		}()
	}
	for i := n - 1; i >= 0; i-- { // the last is answered first, while all others wait
		close(gates[i])
		if got := within(t, "answer", answers); int(got) != i {
			t.Fatalf("answer %d came, want %d", got, i)
		}
	}
	if dials.Load() != 1 {
		t.Errorf("%d connections for one address, want 1", dials.Load())
	}
}

func TestManyCallersGetTheirOwnAnswers(t *testing.T) {
	s := serve(t, Options{}, echo)
	c := newClient(t, Options{})
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for j := range 200 {
				req := []byte(fmt.Sprintf("%d.%d", i, j))
				resp, err := c.Call(t.Context(), s.Addr().String(), methodEcho, req)
				if err != nil || !bytes.Equal(resp, req) {
					t.Errorf("call %s: got %q, %v", req, resp, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestUnservedMethod(t *testing.T) {
	s := serve(t, Options{}, echo)
	c := newClient(t, Options{})
	for _, m := range []Method{methodUnserved, methodEchoStream, noMethod} {
		_, err := c.Call(t.Context(), s.Addr().String(), m, nil)
		wantCode(t, err, cluster.Unsupported)
	}
	if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Errorf("the connection did not survive: %v", err)
	}
}

func TestSizesHaveLimits(t *testing.T) {
	var handled atomic.Int64
	s := serve(t, Options{MaxCall: 1000}, func(s *Server) {
		s.Handle(methodOther, func(_ context.Context, req []byte) ([]byte, error) {
			handled.Add(1)
			return make([]byte, len(req)+1), nil
		})
	})
	c := newClient(t, Options{MaxCall: 1000})
	_, err := c.Call(t.Context(), s.Addr().String(), methodOther, make([]byte, 1001))
	wantCode(t, err, cluster.TooLarge)
	if handled.Load() != 0 {
		t.Error("a request over the limit was handled")
	}
	_, err = c.Call(t.Context(), s.Addr().String(), methodOther, make([]byte, 1000))
	wantCode(t, err, cluster.TooLarge)
	if resp, err := c.Call(t.Context(), s.Addr().String(), methodOther, make([]byte, 999)); err != nil || len(resp) != 1000 {
		t.Errorf("a call at the limit: %d bytes, %v", len(resp), err)
	}
	// A peer with a larger limit is told what it did, and that nothing was done.
	_, err = newClient(t, Options{}).Call(t.Context(), s.Addr().String(), methodOther, make([]byte, 1<<20))
	wantCode(t, err, cluster.TooLarge)
	if handled.Load() != 2 {
		t.Errorf("%d calls handled, want 2", handled.Load())
	}
}

func TestCancelledCallReturnsAndEndsTheHandler(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	s := serve(t, Options{}, func(s *Server) {
		echo(s)
		s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
			close(began)
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		})
	})
	c := newClient(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, s.Addr().String(), methodOther, nil)
		returned <- err
	}()
	within(t, "handler", began)
	cancel()
	err := within(t, "return", returned)
	wantCode(t, err, cluster.Unknown)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v does not say that the context was cancelled", err)
	}
	if err := within(t, "end of the handler's context", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}
	if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Errorf("the connection did not survive a cancelled call: %v", err)
	}
}

func TestDeadlineTravels(t *testing.T) {
	left := make(chan time.Duration, 1)
	s := serve(t, Options{}, func(s *Server) {
		s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
			d, ok := ctx.Deadline()
			if !ok {
				left <- 0
				return nil, nil
			}
			left <- time.Until(d)
			return nil, nil
		})
	})
	c := newClient(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := c.Call(ctx, s.Addr().String(), methodOther, nil); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d <= 59*time.Minute || d > time.Hour+time.Millisecond {
		t.Errorf("the handler has %s left of an hour", d)
	}
	if _, err := c.Call(context.Background(), s.Addr().String(), methodOther, nil); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d != 0 {
		t.Errorf("the handler of a call without a deadline has %s", d)
	}
}

func TestDeadlineEndsCallAndHandler(t *testing.T) {
	ended, returned := make(chan error, 1), make(chan struct{})
	s := serve(t, Options{}, func(s *Server) {
		s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			<-returned // or this answer may be faster than the caller's clock
			return nil, nil
		})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // by then the call has to be there
	defer cancel()
	_, err := newClient(t, Options{}).Call(ctx, s.Addr().String(), methodOther, nil)
	close(returned)
	wantCode(t, err, cluster.Unknown)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v does not say that the deadline passed", err)
	}
	within(t, "end of the handler's context", ended)
}

func TestHandlerContextEndsWithTheConnection(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	s := serve(t, Options{}, func(s *Server) {
		s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
			close(began)
			<-ctx.Done()
			close(ended)
			return nil, nil
		})
	})
	conn := dialRaw(t, s, frame{kind: kindRequest, id: 1, method: methodOther}.append([]byte{byte(muxCalls)})...)
	within(t, "handler", began)
	_ = conn.Close()
	within(t, "end of the handler's context", ended)
}

func TestTooManyCallsOfOneConnection(t *testing.T) {
	gate, began := make(chan struct{}), make(chan struct{})
	s := serve(t, Options{MaxCalls: 1}, func(s *Server) {
		s.Handle(methodOther, func(context.Context, []byte) ([]byte, error) {
			close(began)
			<-gate
			return nil, nil
		})
		s.Handle(methodEcho, func(_ context.Context, req []byte) ([]byte, error) { return req, nil })
	})
	c := newClient(t, Options{})
	first := make(chan error, 1)
	go func() {
		_, err := c.Call(t.Context(), s.Addr().String(), methodOther, nil)
		first <- err
	}()
	within(t, "first call", began)
	_, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil)
	wantCode(t, err, cluster.Unavailable)
	close(gate)
	if err := within(t, "first call's answer", first); err != nil {
		t.Error(err)
	}
	if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Errorf("after the first was answered: %v", err)
	}
}

func TestMistakenHandlersPanic(t *testing.T) {
	for name, mistake := range map[string]func(*Server){
		"twice":                 func(s *Server) { s.Handle(methodEcho, nil) },
		"as a stream too":       func(s *Server) { s.HandleStream(methodEcho, nil) },
		"the unset method":      func(s *Server) { s.Handle(noMethod, nil) },
		"a method of rpc's own": func(s *Server) { s.HandleStream(firstOwnMethod, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Listen("127.0.0.1:0", Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer closeServer(t, s)
			echo(s)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			mistake(s)
		})
	}
}
