package proxy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// keepAlive, of clients, finds out within two minutes that a silent client is gone. Connections inherit it from the socket that they came in by.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// bindAddr is the address to listen on, as "10.0.0.5:3306" or ":3306". A name is refused: it might mean something else tomorrow.
func bindAddr(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("listen %q is not an address with a port: write it as \"10.0.0.5:3306\" or \":3306\"", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", fmt.Errorf("listen %q has no usable port: want 1 to 65535", s)
	}
	if host == "" || host == "*" {
		return ":" + port, nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return "", fmt.Errorf("listen %q: %q is not an IP address", s, host)
	}
	return net.JoinHostPort(host, port), nil
}

// listen takes an address, whether this machine has it or not.
func listen(ctx context.Context, s string) (*net.TCPListener, error) {
	addr, err := bindAddr(s)
	if err != nil {
		return nil, err
	}
	network := "tcp"
	if host, _, _ := net.SplitHostPort(addr); host != "" {
		network = "tcp4"
		if strings.Contains(host, ":") {
			network = "tcp6"
		}
	}
	var refused error
	lc := net.ListenConfig{KeepAlive: -1, Control: func(network, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { refused = prepare(network, int(fd)) })
	}}
	lc.SetMultipathTCP(false) // the kernel does not splice it
	l, err := lc.Listen(ctx, network, addr)
	if err == nil {
		err = refused
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", s, err)
	}
	return l.(*net.TCPListener), nil
}
