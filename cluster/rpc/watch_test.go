package rpc

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// pipeCall begins a call without a deadline over a pipe, whose other end is given to serve, and returns its error and how long it took.
func pipeCall(t *testing.T, opts Options, req []byte, serve func(net.Conn)) (time.Duration, error) {
	t.Helper()
	here, there := net.Pipe()
	over := make(chan struct{})
	opts.Dial = func(context.Context, string) (net.Conn, error) {
		go func() {
			defer close(over)
			serve(there)
		}()
		return here, nil
	}
	c := NewClient(opts)
	start := time.Now()
	_, err := c.Call(context.Background(), "peer", methodEcho, req)
	took := time.Since(start)
	c.Close()
	_ = there.Close()
	<-over
	return took, err
}

func TestSilentPeerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pings := 0
		took, err := pipeCall(t, Options{SilenceTimeout: 3 * time.Second}, nil, func(conn net.Conn) {
			_, _ = readMux(conn)
			r := newReader(context.Background(), conn, 1000, time.Second)
			for {
				f, err := r.next()
				if err != nil {
					return
				}
				if f.kind == kindPing {
					pings++
				}
			}
		})
		wantCode(t, err, cluster.Unknown)
		if took != 3*time.Second || pings != 1 {
			t.Errorf("given up after %s and %d pings, want 3s and one", took, pings)
		}
	})
}

// overPipe serves h as methodEcho on conn.
func overPipe(conn net.Conn, h Handler) {
	s := &Server{opts: Options{}.withDefaults(), handlers: map[Method]Handler{methodEcho: h}}
	_, _ = readMux(conn)
	newServerConn(s, conn).serve(context.Background())
}

func TestSlowHandlerIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, err := pipeCall(t, Options{}, nil, func(conn net.Conn) {
			overPipe(conn, func(context.Context, []byte) ([]byte, error) {
				<-time.After(time.Hour)
				return nil, nil
			})
		})
		if err != nil || took != time.Hour {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestSlowUploadIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req := make([]byte, 8*writeSize)
		took, err := pipeCall(t, Options{SilenceTimeout: 3 * time.Second, StallTimeout: 5 * time.Second}, req, func(conn net.Conn) {
			_, _ = readMux(conn)
			buf := make([]byte, writeSize/4)
			for read := 0; read < len(req); {
				<-time.After(time.Second) // so each write takes 4 s
				n, err := conn.Read(buf)
				if err != nil {
					t.Errorf("after %d bytes: %v", read, err)
					return
				}
				read += n
			}
			_, _ = conn.Read(buf) // the rest, perhaps with a ping
			_, _ = conn.Write(frame{kind: kindResponse, id: 1}.append(nil))
		})
		if err != nil || took < 30*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestIdleConnectionIsLeftAlone(t *testing.T) {
	for name, serve := range map[string]func(*testing.T, net.Conn){
		"by the server": func(_ *testing.T, conn net.Conn) {
			overPipe(conn, func(context.Context, []byte) ([]byte, error) { return nil, nil })
		},
		"by the client": func(t *testing.T, conn net.Conn) {
			t.Helper()
			_, _ = readMux(conn)
			r := newReader(context.Background(), conn, 1000, time.Second)
			for range 2 {
				f, err := r.next()
				if err != nil || f.kind != kindRequest {
					t.Errorf("got a frame of kind %d, %v; want a request", f.kind, err)
					return
				}
				_, _ = conn.Write(frame{kind: kindResponse, id: f.id}.append(nil))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				c := NewClient(Options{Dial: func(context.Context, string) (net.Conn, error) { return here, nil }})
				over := make(chan struct{})
				go func() {
					defer close(over)
					serve(t, there)
				}()
				for range 2 {
					if _, err := c.Call(t.Context(), "peer", methodEcho, nil); err != nil {
						t.Error(err)
					}
					<-time.After(time.Hour + time.Millisecond) // not at a tick, where a call that has just begun may be pinged for
				}
				c.Close()
				<-over
				_ = there.Close()
			})
		})
	}
}
