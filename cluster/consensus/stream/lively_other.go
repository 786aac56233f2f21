//go:build !linux

package stream

import (
	"time"

	"golang.org/x/sys/unix"
)

// peerOptions are the TCP options by which the kernel watches a peer. Only Linux bounds the time without an acknowledgement.
func peerOptions(time.Duration) map[int]int { return map[int]int{unix.TCP_KEEPINTVL: 1} }
