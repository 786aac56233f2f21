package stream

import (
	"time"

	"golang.org/x/sys/unix"
)

// peerOptions are the TCP options by which the kernel watches a peer.
func peerOptions(limit time.Duration) map[int]int {
	return map[int]int{unix.TCP_USER_TIMEOUT: int(limit.Milliseconds()), unix.TCP_KEEPIDLE: 1, unix.TCP_KEEPINTVL: 1}
}
