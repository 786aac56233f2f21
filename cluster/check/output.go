package check

import (
	"fmt"
	"strings"
)

// capture keeps the first limit bytes of what is written to it, and counts the rest.
type capture struct {
	limit int
	kept  []byte
	total int
}

func (c *capture) Write(p []byte) (int, error) {
	c.total += len(p)
	if room := c.limit - len(c.kept); room > 0 {
		c.kept = append(c.kept, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (c *capture) String() string {
	s := valid(string(c.kept))
	if c.total > len(c.kept) {
		s += fmt.Sprintf("\n(%d more bytes)", c.total-len(c.kept))
	}
	return s
}

// valid replaces what is not UTF-8: output goes into JSON.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
