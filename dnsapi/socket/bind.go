// Package socket is what questions come on: the UDP sockets and the TCP connections of one address.
//
// Several UDP sockets share the address, so that as many goroutines as there are processors read without sharing anything. Each answers from the
// address that it was asked at. Of TCP connections there are at most so many at a time, and none of them can hold the others up: the one
// that has been silent the longest gives way, and who does not read its answers is hung up on.
package socket

import (
	"context"
	"errors"
	"net"
	"syscall"
)

// bindAttempts is how often a free port is looked for that is free for both UDP and TCP.
const bindAttempts = 20

// readBuffer is for questions that come in a burst; what the kernel has no room for is lost.
const readBuffer = 4 << 20

// Bind binds TCP and UDP of an address, UDP several times. Where the port is 0 all get the same one. An error is the system's.
func Bind(address string) (ps []*UDP, l net.Listener, err error) {
	_, port, _ := net.SplitHostPort(address)
	for range bindAttempts {
		if l, err = net.Listen("tcp", address); err != nil {
			return nil, nil, cause(err)
		}
		if ps, err = bindPackets(l.Addr().String()); err == nil {
			return ps, limitStreams(l, maxStreams), nil
		}
		_ = l.Close() // it has accepted nothing
		if port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, nil, cause(err)
}

// bindPackets binds the UDP sockets that share an address.
func bindPackets(address string) ([]*UDP, error) {
	listen := net.ListenConfig{Control: shareable}
	var ps []*UDP
	for range socketsPerAddress() {
		p, err := listen.ListenPacket(context.Background(), "udp", address)
		if err != nil {
			for _, p := range ps {
				_ = p.Close() // it has received nothing that matters
			}
			return nil, err
		}
		u := p.(*net.UDPConn)           //nolint:forcetypeassert // what "udp" gives
		_ = u.SetReadBuffer(readBuffer) // the kernel gives what it allows
		ps = append(ps, newUDP(u))
	}
	return ps, nil
}

func cause(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	return err
}
