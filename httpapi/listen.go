package httpapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

const unixScheme = "unix://"

// listen takes one address, "ip:port" or "unix:///path".
func listen(addr string, secure bool) (net.Listener, error) {
	key := "ports.http"
	if secure {
		key = "ports.https"
	}
	if path, ok := strings.CutPrefix(addr, unixScheme); ok {
		return listenUnix(path)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, listenError(addr, key, err)
	}
	return l, nil
}

// listenUnix takes a socket's path. What a former run has left there is in nobody's way.
func listenUnix(path string) (net.Listener, error) {
	if s, err := os.Stat(path); err == nil && s.Mode()&fs.ModeSocket != 0 {
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			_ = c.Close()
			return nil, listenError(unixScheme+path, "addresses.http", syscall.EADDRINUSE)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(path) // if that fails, so does listening
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, listenError(unixScheme+path, "addresses.http", err)
	}
	return l, nil
}

// listenError says in one sentence which address cannot be had, why, and which config key gives another.
func listenError(addr, key string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("cannot listen on %s for HTTP: another program uses it; stop that one or set %s to another: %w", addr, key, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("cannot listen on %s for HTTP: no interface of this machine has the address; set client_addr or addresses.http to one that it has: %w", addr, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot listen on %s for HTTP: this user may not; set %s to another or run with more rights: %w", addr, key, err)
	}
	return fmt.Errorf("cannot listen on %s for HTTP (%s): %w", addr, key, err)
}
