package agent

import (
	"maps"

	"github.com/google/uuid"

	"holdfast/cluster"
	"holdfast/cluster/event"
	"holdfast/cluster/gossip"
)

// FireEvent tells the agents that the event's filters select, this one among them, and answers the ID that it gave to it. It returns
// before they know.
func (a *Agent) FireEvent(_ cluster.WriteOptions, e cluster.UserEvent) (string, error) {
	if err := e.Validate(); err != nil {
		return "", err
	}
	e.ID = uuid.NewString()
	b, err := event.Encode(&e)
	if err != nil {
		return "", err
	}
	if over := len(b) - gossip.MaxPayload; over > 0 {
		return "", cluster.Errorf(cluster.TooLarge, "the event %q is too large for gossip by %d bytes, which carries %d with the payload, the name and the filters: put what is larger into the KV store and send its key", e.Name, over, gossip.MaxPayload)
	}
	if err := a.pool.SendEvent(b); err != nil {
		return "", err
	}
	return e.ID, nil
}

// Events is the newest user events that were meant for this agent, the oldest first, and a channel that is closed when there are others.
func (a *Agent) Events() ([]*cluster.UserEvent, <-chan struct{}) { return a.events.Recent() }

// onEvent takes in a user event that is meant for this agent.
func (a *Agent) onEvent(g gossip.Event) {
	e, err := event.Decode(g.Payload)
	if err != nil {
		a.log.Warn("a user event is dropped", "origin", g.Origin, "error", err)
		return
	}
	e.LTime = g.LTime
	services := func(yield func(*cluster.Service) bool) {
		for s := range maps.Values(a.registry.Services()) {
			if !yield(&s.Service) {
				return
			}
		}
	}
	if !event.MeantFor(e, a.cfg.Name, services) {
		a.log.Debug("a user event is meant for others", "name", e.Name, "id", e.ID, "origin", g.Origin)
		return
	}
	a.log.Debug("a user event has come", "name", e.Name, "id", e.ID, "origin", g.Origin)
	a.events.Add(e)
}
