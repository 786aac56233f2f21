package membership

import "holdfast/cluster/gossip/message"

// maxAhead is how far ahead of our clock a time is believed. No pool ever counts so far; a corrupt or hostile message could, and would
// leave no room for the times after it.
const maxAhead = 1 << 32

// clock is a Lamport clock.
type clock struct {
	now message.Time
}

// tick moves the clock on and returns a time later than every one it has seen.
func (c *clock) tick() message.Time {
	c.now++
	return c.now
}

// witness moves the clock to a time that another member has used. It is false, and the clock stays, for a time that cannot be.
func (c *clock) witness(t message.Time) bool {
	if t > c.now && t-c.now > maxAhead {
		return false
	}
	c.now = max(c.now, t)
	return true
}
