package gossip

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// maxOutgoing bounds the messages that wait to be passed on.
const maxOutgoing = 4096

// outbox has the messages on their way to all members. Each is passed on in some packets, those passed on least first, until it has been in
// enough of them that everybody is likely to know. (It is our own because memberlist's queue, v0.7.0, can lose a message: where one takes the
// place of the only other, it may get the number of a third of the same length.)
type outbox struct {
	mult   int        // a message is passed on mult × log10(members) times
	living func() int // the number of members

	mu    sync.Mutex // guards following
	items []*outgoing
}

// outgoing is a message in the outbox. A later one of the same subject takes its place.
type outgoing struct {
	subject string
	message []byte
	sent    int
	done    chan struct{} // closed when it is no longer passed on; may be nil
}

// alone is the subject of a message whose place no other takes.
const alone = ""

func (o *outgoing) finish() {
	if o.done != nil {
		close(o.done)
	}
}

// put adds a message, which the caller must not change after.
func (b *outbox) put(subject string, message []byte, done chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	same := func(o *outgoing) bool { return subject != alone && o.subject == subject }
	if i := slices.IndexFunc(b.items, same); i >= 0 {
		b.items[i].finish()
		b.items = slices.Delete(b.items, i, i+1)
	}
	if len(b.items) >= maxOutgoing { // the last has been sent most often, or waits longest
		last := len(b.items) - 1
		b.items[last].finish()
		b.items = b.items[:last]
	}
	b.items = slices.Insert(b.items, 0, &outgoing{subject: subject, message: message, done: done})
}

// take is messages for one packet: each takes its length and the overhead, all together at most limit.
func (b *outbox) take(overhead, limit int) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		return nil
	}
	enough := b.mult * int(math.Ceil(math.Log10(float64(b.living()+1))))
	var messages [][]byte
	b.items = slices.DeleteFunc(b.items, func(o *outgoing) bool {
		need := overhead + len(o.message)
		if need > limit {
			return false
		}
		limit -= need
		messages = append(messages, o.message)
		if o.sent++; o.sent < enough {
			return false
		}
		o.finish()
		return true
	})
	slices.SortStableFunc(b.items, func(x, y *outgoing) int { return cmp.Compare(x.sent, y.sent) })
	return messages
}
