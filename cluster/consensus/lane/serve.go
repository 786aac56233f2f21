package lane

import (
	"bufio"
	"fmt"
	"net"

	"github.com/hashicorp/raft"
)

// readAhead is how many bytes are read at once: a batch of small entries.
const readAhead = 64 << 10

// Serve is the end of a lane whose first byte has been read at the follower, which is the member id. It gives raft what the leader sends, one message
// after the other, and waits for its answers where the leader does, until the connection ends, which it then closes, or closed is closed.
func Serve(conn net.Conn, id raft.ServerID, give func(raft.RPC), closed <-chan struct{}) error {
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(agreement(id)); err != nil {
		return err
	}
	r := reader{in: bufio.NewReaderSize(conn, readAhead)}
	var out []byte
	for {
		kind, body, err := r.next()
		if err != nil {
			return err
		}
		if kind != kindEntries && kind != kindCommit {
			return fmt.Errorf("%w: kind %d is not a message of a leader", errMalformed, kind)
		}
		req, err := decodeRequest(body)
		if err != nil {
			return err
		}
		responses := make(chan raft.RPCResponse, 1)
		give(raft.RPC{Command: req, RespChan: responses})
		if kind == kindCommit {
			continue
		}
		var response raft.RPCResponse
		select {
		case response = <-responses:
		case <-closed:
			return nil
		}
		answer, _ := response.Response.(*raft.AppendEntriesResponse)
		if answer == nil && response.Error == nil {
			return fmt.Errorf("raft answered with a %T", response.Response)
		}
		out = appendAnswer(out[:0], answer, response.Error)
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}
