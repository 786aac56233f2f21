package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/cluster"
)

// pipeReader is a reader and the other end of its connection, closed with the test.
func pipeReader(ctx context.Context, t *testing.T, limit int) (*reader, net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() {
		_ = here.Close()
		_ = there.Close()
	})
	r := newReader(ctx, here, limit, 5*time.Second)
	t.Cleanup(func() { r.stop() })
	return r, there
}

func TestReaderTakesFramesInPieces(t *testing.T) {
	r, there := pipeReader(t.Context(), t, 1<<20)
	big := bytes.Repeat([]byte{'b'}, 300<<10)
	go func() {
		b := frame{kind: kindPing}.append(nil)
		b = frame{kind: kindMessage, body: big}.append(b)
		b = frame{kind: kindMessage, body: []byte("small")}.append(b)
		for len(b) > 0 {
			n := min(len(b), 7777)
			_, _ = there.Write(b[:n])
			b = b[n:]
		}
		_ = there.Close()
	}()
	for i, want := range []frame{{kind: kindPing}, {kind: kindMessage, body: big}, {kind: kindMessage, body: []byte("small")}} {
		f, err := r.next()
		if err != nil || f.kind != want.kind || !bytes.Equal(f.body, want.body) {
			t.Fatalf("frame %d: kind %d with %d bytes, error %v", i, f.kind, len(f.body), err)
		}
	}
	if _, err := r.next(); err != io.EOF { //nolint:errorlint // the very value is promised
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestReaderRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		sent []byte
		code cluster.Code
		is   error
	}{
		"a frame over the limit": {sent: binary.BigEndian.AppendUint32(nil, 1000+frameOverhead+1), code: cluster.TooLarge},
		"the longest length":     {sent: []byte{255, 255, 255, 255}, code: cluster.TooLarge},
		"no kind":                {sent: []byte{0, 0, 0, 0}, code: cluster.Invalid},
		"an unknown kind":        {sent: []byte{0, 0, 0, 1, numKinds}, code: cluster.Invalid},
		"a cut length":           {sent: []byte{0, 0}, is: io.ErrUnexpectedEOF},
		"a cut frame":            {sent: []byte{0, 0, 0, 9, byte(kindCancel), 1}, is: io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			r, there := pipeReader(t.Context(), t, 1000)
			go func() {
				_, _ = there.Write(row.sent)
				_ = there.Close()
			}()
			_, err := r.next()
			if row.is != nil {
				if !errors.Is(err, row.is) {
					t.Errorf("error %v, want %v", err, row.is)
				}
				return
			}
			wantCode(t, err, row.code)
		})
	}
}

func TestReaderTimes(t *testing.T) {
	whole := frame{kind: kindMessage, body: make([]byte, 512<<10)}.append(nil) // 5 s and 2 s for its size
	for name, row := range map[string]struct {
		idle, pause time.Duration
		pieces      int
		late        bool
	}{
		"waits for ever for a frame to begin":  {pause: 1000 * time.Hour, pieces: 1},
		"or as long as it is told":             {idle: time.Minute, pause: 61 * time.Second, pieces: 1, late: true},
		"takes a frame that arrives slowly":    {idle: time.Minute, pause: 3 * time.Second, pieces: 3},
		"but not one that trickles":            {idle: time.Minute, pause: 3 * time.Second, pieces: 1000, late: true},
		"nor one whose length takes too long":  {idle: time.Minute, pause: 6 * time.Second, pieces: len(whole), late: true},
		"forgets the time of the frame before": {pause: 4 * time.Second, pieces: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, there := pipeReader(t.Context(), t, 1<<20)
				r.idle = row.idle
				over := make(chan struct{})
				go func() {
					defer close(over)
					trickle(there, whole, row.pieces, row.pause)
				}()
				for range 2 {
					if _, err := r.next(); !row.late && err != nil {
						t.Fatal(err)
					} else if row.late && !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatalf("error %v, want that it took too long", err)
					}
					if row.late {
						break
					}
				}
				_ = r.conn.Close()
				<-over
			})
		})
	}
}

// trickle writes b twice, in pieces with a pause before each.
func trickle(conn net.Conn, b []byte, pieces int, pause time.Duration) {
	for range 2 {
		for piece := range slices.Chunk(b, (len(b)+pieces-1)/pieces) {
			<-time.After(pause)
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	}
}

func TestReaderEndsWithItsContext(t *testing.T) {
	for name, timed := range map[string]bool{"waiting for a frame": false, "in the middle of one": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				why := errors.New("enough")
				ctx, cancel := context.WithCancelCause(t.Context())
				r, there := pipeReader(ctx, t, 1000)
				got := make(chan error, 1)
				go func() {
					_, err := r.next()
					got <- err
				}()
				if timed {
					_, _ = there.Write([]byte{0, 0, 0, 9, 1})
				}
				synctest.Wait()
				cancel(why)
				if err := <-got; !errors.Is(err, why) {
					t.Errorf("error %v, want the context's cause", err)
				}
				if _, err := r.next(); !errors.Is(err, why) {
					t.Errorf("and then: %v", err)
				}
			})
		})
	}
}

func TestReaderTakesNoMemoryOnAPromise(t *testing.T) {
	r, there := pipeReader(t.Context(), t, 1<<30)
	go func() {
		_, _ = there.Write(binary.BigEndian.AppendUint32(nil, 1<<30))
		_, _ = there.Write(make([]byte, 1000))
		_ = there.Close()
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := r.next(); err == nil {
		t.Fatal("a frame that never came was read")
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("%d bytes of memory for a frame of which 1000 bytes came", took)
	}
}

// scripted is a connection that yields its bytes and takes everything.
type scripted struct {
	net.Conn
	in *bytes.Reader
}

func (c scripted) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (c scripted) Close() error                     { return nil }
func (c scripted) SetDeadline(time.Time) error      { return nil }
func (c scripted) SetReadDeadline(time.Time) error  { return nil }
func (c scripted) SetWriteDeadline(time.Time) error { return nil }
func (c scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }

func FuzzReader(f *testing.F) {
	var all []byte
	for _, row := range allFrames {
		f.Add(row.frame.append(nil))
		all = row.frame.append(all)
	}
	f.Add(all)
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 4096
		r := newReader(t.Context(), scripted{in: bytes.NewReader(b)}, limit, time.Second)
		defer r.stop()
		read := 0
		for {
			got, err := r.next()
			if err != nil {
				return
			}
			if len(got.body) > limit+frameOverhead {
				t.Fatalf("a body of %d bytes", len(got.body))
			}
			if read += lengthSize + 1; read > len(b) {
				t.Fatal("more frames than bytes")
			}
		}
	})
}

// FuzzConnection gives a server whatever a connection may carry, first byte included.
func FuzzConnection(f *testing.F) {
	calls, stream := []byte{byte(muxCalls)}, frame{kind: kindOpen, method: methodEchoStream}.append([]byte{byte(muxStream)})
	for _, row := range allFrames {
		f.Add(row.frame.append(bytes.Clone(calls)))
		f.Add(row.frame.append(bytes.Clone(stream)))
	}
	twice := frame{kind: kindRequest, id: 1, method: methodEcho}.append(bytes.Clone(calls))
	f.Add(frame{kind: kindRequest, id: 1, method: methodEcho}.append(twice))
	f.Add([]byte{byte(muxRaft), 1, 2, 3})
	f.Add(append(Hello{Cluster: "id-a", Node: "n1"}.encode(), twice...))
	f.Add([]byte{byte(muxTLS), 0x16, 3, 1})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{})
	s, err := Listen("127.0.0.1:0", Options{MaxCall: 4096, MaxMessage: 4096, HelloTimeout: 100 * time.Millisecond, StallTimeout: 100 * time.Millisecond})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { closeServer(f, s) })
	echo(s)
	_ = s.raft.Close() // or each such connection waits for somebody to accept it
	f.Fuzz(func(_ *testing.T, b []byte) { s.serve(scripted{in: bytes.NewReader(b)}) })
}
