package gossip

import (
	"fmt"
	"slices"

	"holdfast/cluster"
)

// SendEvent sends an opaque payload to all members, this one included.
func (p *Pool) SendEvent(payload []byte) error {
	if _, err := p.running(); err != nil {
		return err
	}
	if len(payload) > MaxPayload {
		return cluster.Errorf(cluster.TooLarge, "the user event is %d bytes long, and gossip carries %d: put what is larger into the KV store and send its key", len(payload), MaxPayload)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := userEvent{time: p.history.clock.tick(), origin: p.cfg.Name, payload: slices.Clone(payload)}
	p.spreadEventLocked(e, e.encode())
	return nil
}

// spreadEventLocked delivers a user event here and passes it on, unless it is known. The caller holds p.mu.
func (p *Pool) spreadEventLocked(e userEvent, message []byte) {
	if !p.history.add(e) {
		return
	}
	p.events.put(e.event())
	p.outbox.put(alone, slices.Clone(message), nil)
}

// receive takes a message that came by gossip, and passes it on if it is news.
func (p *Pool) receive(b []byte) error {
	if len(b) == 0 {
		return errShort
	}
	if len(b) > maxMessage {
		return errTooBig
	}
	switch b[0] {
	case intentMessage:
		i, err := decodeIntent(b[1:])
		if err != nil {
			return fmt.Errorf("decode an intent: %w", err)
		}
		p.change(func(t *table) {
			if t.hear(i) {
				p.outbox.put(i.subject(), slices.Clone(b), nil)
			}
		})
	case eventMessage:
		e, err := decodeEvent(b[1:])
		if err != nil {
			return fmt.Errorf("decode a user event: %w", err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.spreadEventLocked(e, b)
	case keyRequestMessage:
		q, err := decodeKeyRequest(b[1:])
		if err != nil {
			return fmt.Errorf("decode a request about keys: %w", err)
		}
		p.start(func() { p.serveKey(q) }) // a pool that closes answers nobody
	case keyAnswerMessage:
		a, err := decodeKeyAnswer(b[1:])
		if err != nil {
			return fmt.Errorf("decode an answer about keys: %w", err)
		}
		p.keyQueries.answered(a)
	default:
		return fmt.Errorf("kind %d of message is not known here", b[0])
	}
	return nil
}

// state is what this member tells in a push/pull.
func (p *Pool) state() state {
	p.mu.Lock()
	defer p.mu.Unlock()
	return state{
		clock:  p.table.clock.now,
		events: p.history.clock.now,
		known:  p.table.entries(),
		recent: p.history.latest(replayBudget),
		owner:  p.border.cluster(),
	}
}

// merge takes in what another member told in a push/pull, unless it is of another cluster. The first time, all user events so far are from before
// this member came.
func (p *Pool) merge(s state) {
	if ours := p.border.cluster(); ours != "" && s.owner != "" && s.owner != ours {
		p.border.dropped(s.owner, "a push/pull")
		return
	}
	p.change(func(t *table) {
		t.clock.witness(s.clock)
		t.merge(s.known)
		if !p.met {
			p.met = true
			p.history.skip(s.events)
		}
		for _, e := range s.recent {
			if p.history.add(e) {
				p.events.put(e.event())
			}
		}
	})
}
