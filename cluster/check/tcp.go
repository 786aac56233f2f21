package check

import (
	"context"
	"fmt"
	"net"

	"holdfast/cluster"
)

// tcp connects to an address.
type tcp struct{ addr string }

func (t *tcp) probe(ctx context.Context) Result {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	_ = conn.Close() // it was open: that is the answer
	return Result{cluster.Passing, fmt.Sprintf("TCP connect %s: Success", t.addr)}
}
