package check

import (
	"fmt"
	"strings"
)

// capture keeps the last limit bytes of what is written to it, and counts all. It holds at most twice the limit.
type capture struct {
	limit int
	kept  []byte
	total int
}

func (c *capture) Write(p []byte) (int, error) {
	n := len(p)
	c.total += n
	p = p[max(0, n-c.limit):]
	if len(c.kept)+len(p) > 2*c.limit {
		c.kept = c.kept[:copy(c.kept, c.kept[len(c.kept)-(c.limit-len(p)):])]
	}
	c.kept = append(c.kept, p...)
	return n, nil
}

func (c *capture) String() string {
	tail := c.kept[max(0, len(c.kept)-c.limit):]
	if c.total > len(tail) {
		return fmt.Sprintf("Captured %d of %d bytes\n...\n%s", len(tail), c.total, valid(string(tail)))
	}
	return valid(string(tail))
}

// cut keeps the beginning of an output that was given whole.
func cut(s string, limit int) string { return valid(s[:min(len(s), limit)]) }

// valid replaces what is not UTF-8: output goes into JSON.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
