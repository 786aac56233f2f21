package socket

import (
	"net"
	"testing"
	"time"
)

// TestTheMostSilentGoes holds that there are never more connections than may be, and that who speaks is not the one who goes.
func TestTheMostSilentGoes(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitStreams(inner, 3)
	defer l.Close()
	var near []net.Conn
	var far []net.Conn
	for i := range 5 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		near, far = append(near, c), append(far, s)
		if i < 2 {
			continue
		}
		if _, err := near[0].Write([]byte{1}); err != nil { // the eldest speaks
			t.Fatal(err)
		}
		if _, err := far[0].Read(make([]byte, 1)); err != nil {
			t.Fatalf("who speaks is hung up on when there are %d: %v", i+1, err)
		}
	}
	for i, open := range []bool{true, false, false, true, true} {
		_ = near[i].SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := near[i].Read(make([]byte, 1))
		e, timeout := err.(net.Error) //nolint:errorlint // Read gives it as it is
		if still := timeout && e.Timeout(); still != open {
			t.Errorf("connection %d is open: %v (%v), want %v", i, still, err, open)
		}
	}
	if n := len(l.open); n != 3 {
		t.Errorf("%d are held", n)
	}
}
