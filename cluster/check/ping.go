package check

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"holdfast/cluster"
)

// ping sends ICMP echo requests until one is answered. A single lost packet is no failure as long as there is time for another.
type ping struct{ host string }

// echoEvery is the pause between two requests.
const echoEvery = 250 * time.Millisecond

func (p *ping) probe(ctx context.Context) Result {
	ip, err := p.resolve(ctx)
	if err != nil {
		return Result{cluster.Critical, fmt.Sprintf("cannot resolve %s: %s", p.host, err)}
	}
	e, err := newEcho(ip)
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	defer e.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = e.conn.SetReadDeadline(time.Now()) })
	defer stop()
	started := time.Now()
	for n := 1; ; n++ {
		took, err := e.try(ctx, n)
		switch {
		case err == nil:
			return Result{cluster.Passing, fmt.Sprintf("%s answers in %s", ip, took.Round(time.Microsecond))}
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return Result{cluster.Critical, fmt.Sprintf("ping %s: %s", ip, err)}
		case ctx.Err() != nil:
			return Result{cluster.Critical, fmt.Sprintf("%s does not answer: %d requests in %s", ip, n, time.Since(started).Round(time.Millisecond))}
		}
	}
}

func (p *ping) resolve(ctx context.Context) (net.IP, error) {
	if ip := net.ParseIP(p.host); ip != nil {
		return ip, nil
	}
	all, err := net.DefaultResolver.LookupIP(ctx, "ip", p.host)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// echo is a socket for echo requests to one address. Its payload is its own: whatever else comes in is for somebody else.
type echo struct {
	conn     *icmp.PacketConn
	to       net.Addr
	protocol int // of ICMP, by IP
	request  icmp.Type
	reply    icmp.Type
	payload  []byte
}

// newEcho opens a socket as the machine allows: one for pings alone (net.ipv4.ping_group_range), else a raw one.
func newEcho(ip net.IP) (*echo, error) {
	e := echoTo(ip)
	mild, here := "udp4", "0.0.0.0"
	if ip.To4() == nil {
		mild, here = "udp6", "::"
	}
	var err error
	if e.conn, err = icmp.ListenPacket(mild, here); err == nil {
		e.to = &net.UDPAddr{IP: ip}
		return e, nil
	}
	return openRaw(ip)
}

func openRaw(ip net.IP) (*echo, error) {
	e := echoTo(ip)
	raw, here := "ip4:icmp", "0.0.0.0"
	if ip.To4() == nil {
		raw, here = "ip6:ipv6-icmp", "::"
	}
	var err error
	if e.conn, err = icmp.ListenPacket(raw, here); err != nil {
		return nil, fmt.Errorf("this agent may not send pings: give it CAP_NET_RAW, or its group net.ipv4.ping_group_range (%w)", err)
	}
	e.to = &net.IPAddr{IP: ip}
	return e, nil
}

// echoTo is an echo without its socket.
func echoTo(ip net.IP) *echo {
	e := &echo{protocol: 1, request: ipv4.ICMPTypeEcho, reply: ipv4.ICMPTypeEchoReply, payload: make([]byte, 32)}
	if ip.To4() == nil {
		e.protocol, e.request, e.reply = 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	_, _ = rand.Read(e.payload) // it never fails
	return e
}

// try sends one request and waits for an answer to any.
func (e *echo) try(ctx context.Context, n int) (time.Duration, error) {
	m := icmp.Message{Type: e.request, Body: &icmp.Echo{ID: os.Getpid() & 0xffff, Seq: n & 0xffff, Data: e.payload}}
	b, err := m.Marshal(nil)
	if err != nil {
		return 0, err
	}
	sent := time.Now()
	if _, err := e.conn.WriteTo(b, e.to); err != nil {
		return 0, err
	}
	until := sent.Add(echoEvery)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	if err := e.conn.SetReadDeadline(until); err != nil {
		return 0, err
	}
	in := make([]byte, 1500)
	for {
		if ctx.Err() != nil {
			return 0, os.ErrDeadlineExceeded
		}
		n, _, err := e.conn.ReadFrom(in)
		if err != nil {
			return 0, err
		}
		got, err := icmp.ParseMessage(e.protocol, in[:n])
		if err != nil || got.Type != e.reply {
			continue
		}
		if body, ok := got.Body.(*icmp.Echo); ok && bytes.Equal(body.Data, e.payload) {
			return time.Since(sent), nil
		}
	}
}
