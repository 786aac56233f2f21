package unread

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestReadGivesWhatWasRead reads by buffers of every size: each gets all bytes, in order, and the end.
func TestReadGivesWhatWasRead(t *testing.T) {
	const begun, rest = "begun", " and the rest"
	for size := 1; size <= len(begun+rest)+1; size++ {
		here, there := net.Pipe()
		go func() {
			_, _ = io.WriteString(there, rest)
			_ = there.Close()
		}()
		var got []byte
		c, p := New(here, []byte(begun)), make([]byte, size)
		for {
			n, err := c.Read(p)
			got = append(got, p[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if string(got) != begun+rest {
			t.Errorf("by %d bytes: %q, want %q", size, got, begun+rest)
		}
		_ = c.Close()
	}
}

// TestReadDoesNotWait holds that what has been read is there although nothing more comes, and that a read of nothing takes nothing away.
func TestReadDoesNotWait(t *testing.T) {
	here, there := net.Pipe()
	defer func() { _ = errors.Join(here.Close(), there.Close()) }()
	c := New(here, []byte("begun"))
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
	p := make([]byte, 64)
	if n, err := c.Read(p); err != nil || string(p[:n]) != "begun" {
		t.Errorf("%q, %v", p[:n], err)
	}
	_ = c.SetReadDeadline(time.Unix(1, 0))
	if n, err := c.Read(p); n != 0 || err == nil {
		t.Errorf("after its deadline: %d, %v", n, err)
	}
}

// TestCloseWrite ends the one direction and not the other.
func TestCloseWrite(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := New(accepted, nil)
	defer func() { _ = c.Close() }()
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(client); err != nil || len(b) > 0 {
		t.Errorf("the client reads %q, %v", b, err)
	}
	_, _ = client.Write([]byte("x"))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Errorf("the other direction: %v", err)
	}
	here, there := net.Pipe()
	defer func() { _ = errors.Join(here.Close(), there.Close()) }()
	if err := New(here, nil).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("where there are no directions: %v", err)
	}
}
