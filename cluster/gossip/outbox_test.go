package gossip

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func newOutbox(living int) *outbox {
	return &outbox{mult: 4, living: func() int { return living }}
}

// packet is what the next packet carries.
func (b *outbox) packet(limit int) string {
	return string(bytes.Join(b.take(0, limit), []byte(" ")))
}

func isDone(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestOutboxPassesOnOftenEnough(t *testing.T) {
	for living, want := range map[int]int{1: 4, 3: 4, 9: 4, 10: 8, 50: 8, 100: 12} {
		b, done := newOutbox(living), make(chan struct{})
		b.put("s", []byte("m"), done)
		sent := 0
		for b.packet(100) == "m" {
			sent++
		}
		if sent != want || !isDone(done) || b.len() != 0 {
			t.Errorf("of %d members: passed on %d times, want %d; done %v", living, sent, want, isDone(done))
		}
	}
}

func TestOutboxLeastSentFirst(t *testing.T) {
	b := newOutbox(3)
	for _, m := range []string{"aa", "bb", "cc"} {
		b.put(alone, []byte(m), nil)
	}
	got := []string{b.packet(4), b.packet(4), b.packet(2)}
	if want := "cc bb|aa cc|aa"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", strings.Join(got, "|"), want)
	}
}

func TestOutboxFillsThePacket(t *testing.T) {
	b := newOutbox(3)
	b.put(alone, []byte("small"), nil)
	b.put(alone, bytes.Repeat([]byte("L"), 50), nil)
	if got := b.packet(20); got != "small" {
		t.Errorf("the large one is in the way: %q", got)
	}
	if got := b.take(3, 7); got != nil {
		t.Errorf("the overhead does not count: %q", got)
	}
}

func TestOutboxLaterTakesThePlace(t *testing.T) {
	b, first := newOutbox(3), make(chan struct{})
	b.put("n2", []byte("leave"), first)
	b.put("n2", []byte("stays"), nil)
	b.put(alone, []byte("x"), nil)
	b.put(alone, []byte("y"), nil)
	if !isDone(first) {
		t.Error("the first is not finished")
	}
	if got := b.packet(100); got != "y x stays" {
		t.Errorf("%q", got)
	}
}

func TestOutboxIsBounded(t *testing.T) {
	b, first := newOutbox(3), make(chan struct{})
	b.put(alone, []byte("first"), first)
	for i := range maxOutgoing {
		b.put(strconv.Itoa(i), []byte("x"), nil)
	}
	if b.len() != maxOutgoing || !isDone(first) {
		t.Errorf("%d wait, the first is done: %v", b.len(), isDone(first))
	}
}

// Whatever the order of puts and packets, each message is passed on its number of times or replaced by a later one, and never just lost.
func TestOutboxLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := newOutbox(3)
		sent, latest, dones := map[string]int{}, map[string]string{}, []chan struct{}{}
		packet := func() {
			for _, m := range b.take(2, 40) {
				sent[string(m)]++
			}
		}
		for i := range 50 {
			subject, message, done := fmt.Sprint("n", random.IntN(3)), fmt.Sprintf("message %02d", i), make(chan struct{})
			b.put(subject, []byte(message), done)
			latest[subject] = message
			dones = append(dones, done)
			for range random.IntN(3) {
				packet()
			}
		}
		for b.len() > 0 {
			packet()
		}
		for subject, message := range latest {
			if sent[message] != 4 {
				t.Fatalf("the last message of %s was passed on %d times", subject, sent[message])
			}
		}
		for i, done := range dones {
			if !isDone(done) {
				t.Fatalf("message %d was never finished", i)
			}
		}
	}
}

// len is the number of messages on their way.
func (b *outbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items)
}
