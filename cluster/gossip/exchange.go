package gossip

import (
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/gossip/membership"
	"holdfast/cluster/gossip/message"
)

// SendEvent sends an opaque payload to all members, this one included.
func (p *Pool) SendEvent(payload []byte) error {
	if _, err := p.running(); err != nil {
		return err
	}
	if len(payload) > message.MaxPayload {
		return cluster.Errorf(cluster.TooLarge, "the user event is %d bytes long, and gossip carries %d: put what is larger into the KV store and send its key", len(payload), message.MaxPayload)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.history.Make(p.cfg.Name, payload)
	p.spreadEventLocked(e, e.Encode())
	return nil
}

// spreadEventLocked delivers a user event here and passes it on, unless it is known. The caller holds p.mu.
func (p *Pool) spreadEventLocked(e message.UserEvent, encoded []byte) {
	if !p.history.Add(e) {
		return
	}
	p.events.put(reportOf(e))
	p.outbox.put(alone, slices.Clone(encoded), nil)
}

// reportOf is the report of a user event.
func reportOf(e message.UserEvent) Event {
	return Event{Type: EventUser, Payload: slices.Clone(e.Payload), Origin: e.Origin, LTime: uint64(e.Time)}
}

// receive takes a message that came by gossip, and passes it on, as it came, if it is news.
func (p *Pool) receive(b []byte) error {
	m, err := message.Decode(b)
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case message.Intent:
		p.change(func(t *membership.Table) {
			if t.Hear(m) {
				p.outbox.put(subject(m), slices.Clone(b), nil)
			}
		})
	case message.UserEvent:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.spreadEventLocked(m, b)
	case message.KeyRequest:
		p.start(func() { p.serveKey(m) }) // a pool that closes answers nobody
	case message.KeyAnswer:
		p.keyQueries.answered(m)
	}
	return nil
}

// subject tells an intent from those about other members: in the outbox, the latest about one stands for all.
func subject(i message.Intent) string { return "intent/" + i.Name }

// state is what this member tells in a push/pull.
func (p *Pool) state() message.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := message.State{Owner: p.border.cluster()}
	p.table.Tell(&s)
	p.history.Tell(&s)
	return s
}

// merge takes in what another member told in a push/pull, unless it is of another cluster.
func (p *Pool) merge(s message.State) {
	if ours := p.border.cluster(); ours != "" && s.Owner != "" && s.Owner != ours {
		p.border.dropped(s.Owner, "a push/pull")
		return
	}
	p.change(func(t *membership.Table) {
		t.Merge(s)
		for _, e := range p.history.Merge(s) {
			p.events.put(reportOf(e))
		}
	})
}
