package rpc

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// Hello is said by the side that connects, so that the other can refuse who has come to the wrong one: an address that was a member's may
// by now be another machine's, or the same machine may belong to another cluster. It is no proof of anything.
type Hello struct {
	Cluster string // the ID of the cluster that the caller belongs to, "" where it has none
	Node    string // the node ID of the member that is meant, "" where the caller does not know it
}

// maxHelloField is the longest field of a hello.
const maxHelloField = 100

var errHello = errors.New("its hello is damaged")

// encode is the hello on the wire: its first byte, the length of what follows, and each field with its length before it (all one byte).
// What a newer version puts behind them is skipped.
func (h Hello) encode() []byte {
	b := []byte{byte(muxHello), 0}
	for _, field := range []string{h.Cluster, h.Node} {
		if len(field) > maxHelloField {
			field = "" // it is not one of ours: better nothing than a part
		}
		b = append(append(b, byte(len(field))), field...)
	}
	b[1] = byte(len(b) - 2)
	return b
}

// readHello reads what follows the first byte of a hello.
func readHello(conn net.Conn) (Hello, error) {
	var size [1]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return Hello{}, fmt.Errorf("reading its hello: %w", err)
	}
	b := make([]byte, size[0])
	if _, err := io.ReadFull(conn, b); err != nil {
		return Hello{}, fmt.Errorf("reading its hello: %w", err)
	}
	return parseHello(b)
}

// parseHello reads the fields of a hello.
func parseHello(b []byte) (Hello, error) {
	var h Hello
	for _, field := range []*string{&h.Cluster, &h.Node} {
		if len(b) == 0 || int(b[0]) > len(b)-1 || b[0] > maxHelloField {
			return Hello{}, errHello
		}
		*field, b = string(b[1:1+b[0]]), b[1+b[0]:]
	}
	return h, nil
}
