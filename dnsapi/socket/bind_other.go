//go:build !linux

package socket

import "syscall"

// socketsPerAddress is one: not every system deals packets out among sockets that share an address.
func socketsPerAddress() int { return 1 }

func shareable(string, string, syscall.RawConn) error { return nil }
