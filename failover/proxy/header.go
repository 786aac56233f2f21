package proxy

import (
	"bufio"
	"fmt"

	"github.com/pires/go-proxyproto"
)

// readHeader takes the PROXY protocol header that another proxy has to send first. One that speaks for itself (LOCAL, UNKNOWN) is the client.
func (c *client) readHeader(r *bufio.Reader) error {
	h, err := proxyproto.Read(r)
	if err != nil {
		return fmt.Errorf("read the PROXY header: %w", err)
	}
	if src, dst, ok := h.TCPAddrs(); ok && h.Command.IsProxy() {
		c.from, c.to = src, dst
	}
	return nil
}

// header is what a backend is told of the client, in a version of the PROXY protocol; nothing in version 0.
func (c *client) header(version int) ([]byte, error) {
	if version == 0 {
		return nil, nil
	}
	return proxyproto.HeaderProxyFromAddrs(byte(version), c.from, c.to).Format()
}
