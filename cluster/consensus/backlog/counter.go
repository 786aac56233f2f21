package backlog

import "io"

// Counter counts the bytes that are read or written through it: the size of a snapshot.
type Counter struct {
	R io.Reader
	W io.Writer
	N uint64
}

func (c *Counter) Read(p []byte) (int, error) {
	n, err := c.R.Read(p)
	c.N += uint64(n)
	return n, err
}

func (c *Counter) Write(p []byte) (int, error) {
	n, err := c.W.Write(p)
	c.N += uint64(n)
	return n, err
}
