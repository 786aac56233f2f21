package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// follow changes a check at the follower, and asks its DNS until it says so.
func (b *bench) follow() error {
	c := conn{addr: b.follower.http}
	defer c.close()
	if err := c.ok("PUT", "/v1/agent/service/register", []byte(`{"Name":"follow","Port":80,"Check":{"CheckID":"follow","TTL":"1h","Status":"passing"}}`)); err != nil {
		return err
	}
	defer func() { _ = c.ok("PUT", "/v1/agent/service/deregister/follow", nil) }() // the turn is over anyway
	host, _, err := net.SplitHostPort(b.follower.http)
	if err != nil {
		return err
	}
	udp, err := net.Dial("udp", net.JoinHostPort(host, "8600"))
	if err != nil {
		return err
	}
	defer udp.Close()
	var times []float64
	for n := range b.wakeups {
		verb, want := "fail", 0
		if n%2 == 0 { // the first finds it passing
			verb, want = "pass", 1
		}
		began := time.Now()
		if err := c.ok("PUT", "/v1/agent/check/"+verb+"/follow", nil); err != nil {
			return err
		}
		if err := awaitAnswers(udp, "follow.service.consul", want); err != nil {
			return fmt.Errorf("after a check was told to %s: %w", verb, err)
		}
		if n > 0 {
			times = append(times, milliseconds(time.Since(began)))
		}
	}
	b.add(figure{"a check changes to the DNS answer of its member: p50", "ms", true}, percentile(times, 50))
	b.add(figure{"a check changes to the DNS answer of its member: p99", "ms", true}, percentile(times, 99))
	return nil
}

// awaitAnswers asks for the addresses of a name until there are so many.
func awaitAnswers(udp net.Conn, name string, want int) error {
	ask, in := question(name), make([]byte, 512)
	for end := time.Now().Add(requestLimit); time.Now().Before(end); {
		if err := udp.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if _, err := udp.Write(ask); err != nil {
			return err
		}
		n, err := udp.Read(in)
		if err != nil {
			return err
		}
		if n >= 12 && int(binary.BigEndian.Uint16(in[6:])) == want {
			return nil
		}
	}
	return errors.New("the DNS answer does not follow")
}

// question is a DNS message that asks for the IPv4 addresses of a name (RFC 1035 section 4.1).
func question(name string) []byte {
	m := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		m = append(append(m, byte(len(label))), label...)
	}
	return append(m, 0, 0, 1, 0, 1)
}
