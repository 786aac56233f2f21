//go:build linux

package echo

import (
	"net"
	"testing"
	"time"
)

func TestSleepUntil(t *testing.T) {
	at := Monotonic() + 20*time.Millisecond
	SleepUntil(at)
	if now := Monotonic(); now < at {
		t.Errorf("woke %s early", at-now)
	}
	SleepUntil(0) // long past
}

func TestReadable(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	Roomy(c.(*net.UDPConn))
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go Steadily(func() {
		defer close(ended)
		if Readable(raw) {
			t.Error("there is something to read before anything was sent")
		}
		if _, err := c.WriteTo([]byte("hello"), c.LocalAddr()); err != nil {
			t.Error(err)
		}
		for range 1000 { // a busy computer may need more than one glance
			if Readable(raw) {
				return
			}
		}
		t.Error("there is nothing to read after something was sent")
	})
	<-ended
	ended = make(chan struct{})
	go Steadily(func() {
		defer close(ended)
		c.Close()
		if !Readable(raw) {
			t.Error("the end of the socket is not left for the read to find")
		}
	})
	<-ended
}
