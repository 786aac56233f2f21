package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// logged is a logger and what it was told.
type logged struct {
	mu   sync.Mutex // guards following
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestStrangersAreCutOff(t *testing.T) {
	const short = 50 * time.Millisecond
	for name, row := range map[string]struct {
		sent  []byte
		hello time.Duration
		log   string
	}{
		"HTTP":                       {[]byte("GET / HTTP/1.1\r\n\r\n"), time.Hour, "0x47 belongs to no protocol"},
		"TLS without announcement":   {[]byte{0x16, 3, 1, 2, 0}, time.Hour, "0x16 belongs to no protocol"},
		"TLS where there is none":    {[]byte{byte(muxTLS), 0x16, 3, 1}, time.Hour, "not set up for"},
		"half a hello":               {[]byte{byte(muxHello), 9, 1}, short, "reading its hello"},
		"a damaged hello":            {[]byte{byte(muxHello), 1, 7}, time.Hour, "its hello is damaged"},
		"a hello and no more":        {[]byte{byte(muxHello), 2, 0, 0}, short, "reading the first byte"},
		"two hellos":                 {[]byte{byte(muxHello), 2, 0, 0, byte(muxHello), 2, 0, 0}, time.Hour, "0xa5 belongs to no protocol"},
		"TLS after a hello":          {[]byte{byte(muxHello), 2, 0, 0, byte(muxTLS)}, time.Hour, "0xa4 belongs to no protocol"},
		"one that says nothing":      {nil, short, "reading the first byte"},
		"raft that nobody accepts":   {[]byte{byte(muxRaft), 1, 2, 3}, time.Second, "does not accept"},
		"a stream that never begins": {[]byte{byte(muxStream)}, short, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			s := serve(t, Options{HelloTimeout: row.hello, Logger: log.logger()}, echo)
			conn := dialRaw(t, s, row.sent...)
			if name == "a stream that never begins" {
				_, _ = io.ReadAll(conn) // it is told why
			} else {
				wantClosed(t, conn)
			}
			if !strings.Contains(log.String(), row.log) {
				t.Errorf("logged %q, want it to contain %q", log.String(), row.log)
			}
		})
	}
}

func TestCallsThatNeverBeginAreToldAndCutOff(t *testing.T) {
	s := serve(t, Options{HelloTimeout: 500 * time.Millisecond}, echo)
	conn := dialRaw(t, s, byte(muxCalls))
	r := newReader(t.Context(), conn, 1000, patience)
	defer r.stop()
	f, err := r.next()
	if err != nil || f.kind != kindGoodbye || f.code != cluster.Unavailable {
		t.Errorf("got %+v, %v; want a goodbye", f, err)
	}
	wantClosed(t, conn)
}

func TestBrokenCallersAreToldAndCutOff(t *testing.T) {
	request := frame{kind: kindRequest, id: 5, method: methodOther}.append(nil)
	for name, row := range map[string]struct {
		sent []byte
		code cluster.Code
		text string
	}{
		"garbage":             {[]byte{0, 0, 0, 1, 99}, cluster.Invalid, "unknown kind 99"},
		"a frame of a server": {frame{kind: kindResponse}.append(nil), cluster.Invalid, "which no caller sends"},
		"one id twice":        {append(request, request...), cluster.Invalid, "the id 5"},
		"far too long":        {[]byte{255, 255, 255, 255}, cluster.TooLarge, "exceeds the limit of 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			var log logged
			s := serve(t, Options{MaxCall: 1000, Logger: log.logger()}, func(s *Server) {
				s.Handle(methodOther, func(ctx context.Context, _ []byte) ([]byte, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				})
			})
			r := newReader(t.Context(), dialRaw(t, s, append([]byte{byte(muxCalls)}, row.sent...)...), 1000, patience)
			defer r.stop()
			f, err := r.next()
			for err == nil && f.kind == kindFailure { // the first of the two with one id
				f, err = r.next()
			}
			if err != nil || f.kind != kindGoodbye || f.code != row.code || !strings.Contains(string(f.body), row.text) {
				t.Errorf("got %+v (%s), %v; want a goodbye with code %s and %q", f, f.body, err, row.code, row.text)
			}
			if !strings.Contains(log.String(), row.text) {
				t.Errorf("logged %q, want it to contain %q", log.String(), row.text)
			}
		})
	}
}

func TestTooManyConnections(t *testing.T) {
	s := serve(t, Options{MaxConns: 2, HelloTimeout: time.Hour}, echo)
	c := newClient(t, Options{})
	if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Fatal(err)
	}
	dialRaw(t, s)
	over, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer over.Close()
	wantClosed(t, over)
	if _, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Errorf("who was there before: %v", err)
	}
}

func TestNothingIsServedBeforeOpen(t *testing.T) {
	s, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	c := newClient(t, Options{})
	got := make(chan error, 1)
	go func() {
		_, err := c.Call(t.Context(), s.Addr().String(), methodEcho, nil)
		got <- err
	}()
	awaitSent(t, c, s.Addr().String(), 1) // the kernel queues the connection
	echo(s)
	s.Open()
	if err := within(t, "answer", got); err != nil {
		t.Error(err)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	s := serve(t, Options{}, echo)
	_, err := Listen(s.Addr().String(), Options{})
	if err == nil || !strings.Contains(err.Error(), s.Addr().String()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v, want one that names the address and says that it is in use", err)
	}
}

func TestClosedBeforeOpen(t *testing.T) {
	s, err := Listen("127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	closeServer(t, s) // again
	if _, err := s.RaftLayer().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("raft's accept: %v", err)
	}
}

func TestRefusalsAreLoggedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th throttle
		for i, row := range []struct {
			after   time.Duration
			pass    bool
			skipped int64
		}{{0, true, 0}, {0, false, 0}, {999 * time.Millisecond, false, 0}, {time.Millisecond, true, 2}, {time.Second, true, 0}} {
			<-time.After(row.after)
			if skipped, ok := th.allow(time.Now(), time.Second); ok != row.pass || skipped != row.skipped {
				t.Errorf("event %d: %v with %d skipped, want %v with %d", i, ok, skipped, row.pass, row.skipped)
			}
		}
	})
}
