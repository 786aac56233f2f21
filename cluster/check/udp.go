package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"holdfast/cluster"
)

// udp sends a datagram to an address. Any answer is passing. So is silence until the timeout, as in Consul: most servers do not answer what
// they do not understand. What shows that nobody listens is the refusal that the other machine's kernel sends.
type udp struct{ addr string }

// udpMessage is what is sent.
const udpMessage = "health check\n"

func (u *udp) probe(ctx context.Context) Result {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", u.addr)
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // which ends Read
	defer stop()
	if _, err := conn.Write([]byte(udpMessage)); err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetReadDeadline(deadline) // else it is closed at the end
	}
	n, err := conn.Read(make([]byte, 1))
	switch {
	case err == nil || n > 0:
		return Result{cluster.Passing, fmt.Sprintf("UDP connect %s: Success", u.addr)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Result{cluster.Critical, fmt.Sprintf("UDP connect %s: nobody listens there", u.addr)}
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed):
		return Result{cluster.Passing, fmt.Sprintf("UDP connect %s: Success (no answer, and no refusal)", u.addr)}
	}
	return Result{cluster.Critical, err.Error()}
}
