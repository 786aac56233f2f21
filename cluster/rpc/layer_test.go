package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func TestRaftConnectionsAreRaw(t *testing.T) {
	a, b := serve(t, Options{}, echo), serve(t, Options{}, echo)
	out, err := a.RaftLayer().Dial(b.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := b.RaftLayer().Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if b.RaftLayer().Addr() != b.Addr() {
		t.Error("raft has another address than the port")
	}
	sent := bytes.Repeat([]byte("raft "), 100<<10)
	for _, way := range []struct{ from, to net.Conn }{{out, in}, {in, out}} {
		go func() { _, _ = way.from.Write(sent) }()
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(way.to, got); err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("the bytes did not arrive as they were sent (%v)", err)
		}
	}
	_ = in.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := in.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("deadlines do not work: %v", err)
	}
	_ = in.SetReadDeadline(time.Time{})
	_, _ = out.Write([]byte("!"))
	if _, err := io.ReadFull(in, make([]byte, 1)); err != nil {
		t.Errorf("after the deadline: %v", err)
	}
}

func TestRaftOutlivesTheHello(t *testing.T) {
	s := serve(t, Options{HelloTimeout: 300 * time.Millisecond}, echo)
	out := dialRaw(t, s, byte(muxRaft))
	in, err := s.RaftLayer().Accept()
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(400 * time.Millisecond)
	_, _ = out.Write([]byte("late"))
	got := make([]byte, 4)
	if _, err := io.ReadFull(in, got); err != nil {
		t.Errorf("the time for the hello ran on: %v", err)
	}
}

func TestRaftThatNobodyAcceptsDelaysNothingElse(t *testing.T) {
	s := serve(t, Options{HelloTimeout: patience}, echo)
	for range 10 {
		dialRaw(t, s, byte(muxRaft))
	}
	if _, err := newClient(t, Options{}).Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Error(err)
	}
}

func TestClosedLayer(t *testing.T) {
	s := serve(t, Options{HelloTimeout: patience}, echo)
	accepted := make(chan error, 1)
	go func() {
		_, err := s.RaftLayer().Accept()
		accepted <- err
	}()
	_ = s.RaftLayer().Close()
	_ = s.RaftLayer().Close()
	if err := within(t, "accept", accepted); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v, want net.ErrClosed", err)
	}
	wantClosed(t, dialRaw(t, s, byte(muxRaft)))
	if _, err := newClient(t, Options{}).Call(t.Context(), s.Addr().String(), methodEcho, nil); err != nil {
		t.Errorf("calls: %v", err)
	}
}

func TestClosingServerClosesRaft(t *testing.T) {
	s := serve(t, Options{}, echo)
	out := dialRaw(t, s, byte(muxRaft))
	if _, err := s.RaftLayer().Accept(); err != nil { // and raft forgets it
		t.Fatal(err)
	}
	closeServer(t, s)
	wantClosed(t, out)
	if _, err := s.RaftLayer().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v, want net.ErrClosed", err)
	}
	if _, err := s.RaftLayer().Dial(s.Addr().String(), patience); err == nil {
		t.Error("a closed server dials")
	}
}

func TestRaftDialTimesOut(t *testing.T) {
	s := serve(t, Options{}, echo)
	if _, err := s.RaftLayer().Dial("127.0.0.1:1", time.Nanosecond); err == nil {
		t.Error("no error")
	}
}
