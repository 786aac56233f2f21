package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	requestLimit = 10 * time.Second // of one request, where it is not bounded otherwise
	keptBody     = 4 << 10          // so much of a body is kept, the rest is counted
)

// conn is one connection that is kept alive. It speaks as little HTTP as a generator of load needs, so that it costs little beside the servers.
type conn struct {
	addr string
	c    net.Conn
	in   *bufio.Reader
	out  []byte
	answer
}

// answer is what a server said last.
type answer struct {
	status int
	index  uint64 // X-Consul-Index
	size   int    // of the body
	body   []byte // its beginning, at most keptBody
}

func (c *conn) close() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

// do sends a request and reads the answer within limit. After an error the next request takes a new connection.
func (c *conn) do(method, path string, body []byte, limit time.Duration) (err error) {
	deadline := time.Now().Add(limit)
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.c == nil {
		if c.c, err = net.DialTimeout("tcp", c.addr, limit); err != nil {
			return err
		}
		c.in = bufio.NewReader(c.c)
	}
	if err := c.c.SetDeadline(deadline); err != nil {
		return err
	}
	c.out = append(c.out[:0], method...)
	c.out = append(c.out, ' ')
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: bench\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(append(c.out, "\r\n\r\n"...), body...)
	if _, err := c.c.Write(c.out); err != nil {
		return err
	}
	return c.read(c.in)
}

// ok is do, and an error where the status is not 200.
func (c *conn) ok(method, path string, body []byte) error {
	if err := c.do(method, path, body, requestLimit); err != nil {
		return err
	}
	if c.status != 200 {
		return fmt.Errorf("%s %s: status %d: %.200s", method, path, c.status, c.body)
	}
	return nil
}

var errMalformed = errors.New("an answer that is no HTTP/1.1")

// read reads an answer.
func (a *answer) read(in *bufio.Reader) error {
	a.index, a.size, a.body = 0, 0, a.body[:0]
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return errMalformed
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return errMalformed
	}
	length, chunked, err := a.head(in)
	switch {
	case err != nil:
		return err
	case chunked:
		return a.chunks(in)
	}
	return a.take(in, length)
}

func (a *answer) head(in *bufio.Reader) (length int, chunked bool, err error) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case len(name) == 0:
			return length, chunked, nil
		case !ok:
			return 0, false, errMalformed
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, false, errMalformed
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("X-Consul-Index")):
			if a.index, err = strconv.ParseUint(string(value), 10, 64); err != nil {
				return 0, false, errMalformed
			}
		}
	}
}

func (a *answer) chunks(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return errMalformed
		}
		if err := a.take(in, int(n)); err != nil {
			return err
		}
		if _, err := in.Discard(len("\r\n")); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}

// take reads n bytes of the body.
func (a *answer) take(in *bufio.Reader, n int) error {
	a.size += n
	if keep := min(n, keptBody-len(a.body)); keep > 0 {
		from := len(a.body)
		a.body = append(a.body, make([]byte, keep)...)
		if _, err := io.ReadFull(in, a.body[from:]); err != nil {
			return err
		}
		n -= keep
	}
	_, err := in.Discard(n)
	return err
}
