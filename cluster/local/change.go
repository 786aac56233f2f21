package local

import (
	"context"
	"errors"
	"slices"
	"time"

	"holdfast/cluster"
)

// change is one change of the registrations. It is kept on disk first and shows then, as a whole.
type change struct {
	service     *Service // registered or replaced
	dropService string   // ID, "" for none
	put         []Check
	drop        []string // IDs of checks
	loaded      bool     // it came from disk
}

// alone carries out a change while no other is. What it kept survives a loss of power when alone returns. It shows before, and goes to the
// catalog meanwhile: should the power fail in between, nobody was told that it is registered, and the next run takes it back there. Those who
// change something at once share the sync.
func (r *Registry) alone(do func() error) error {
	r.changing.Lock()
	err := do()
	j, unsynced := r.journal, r.unsynced
	r.unsynced = false
	r.changing.Unlock()
	if !unsynced {
		return err
	}
	return errors.Join(err, j.Sync(context.Background()))
}

// make carries out a change. The caller holds changing; mu stays free while the disk works, because results of checks wait for it.
func (r *Registry) make(ch change) error {
	if !ch.loaded {
		if err := r.keep(r.keptAfter(ch)); err != nil {
			return err
		}
	}
	r.pending = slices.DeleteFunc(r.pending, func(p Check) bool {
		return slices.ContainsFunc(ch.put, func(c Check) bool { return key(c.ID) == key(p.ID) })
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if ch.dropService != "" {
		delete(r.services, key(ch.dropService))
		r.todo.services[key(ch.dropService)] = true
	}
	for _, id := range ch.drop {
		r.dropLocked(key(id))
	}
	if s := ch.service; s != nil {
		k := key(s.ID)
		if old := r.services[k]; r.settled && (s.Source == FromAPI || old != nil && !slices.Equal(old.Tags, s.Tags)) {
			r.todo.retag[k] = true
		}
		r.services[k] = s
		r.todo.services[k] = true
	}
	for _, c := range ch.put {
		r.putLocked(c)
	}
	if ch.service != nil {
		for _, c := range r.of[key(ch.service.ID)] {
			r.describeLocked(c)
		}
	}
	if ch.dropService != "" || len(ch.drop) > 0 {
		r.settled = true // whoever removes something means it
	}
	close(r.changed)
	r.changed = make(chan struct{})
	r.changedLocked()
	return nil
}

// putLocked registers or replaces a check. One that stays the same keeps running, and each keeps its result.
func (r *Registry) putLocked(c Check) {
	k := key(c.ID)
	old := r.checks[k]
	if old != nil && old.ID == c.ID && c.Definition.Equal(&old.Definition) {
		old.Token, old.Source = c.Token, c.Source
		r.todo.checks[k] = key(c.ServiceID)
		return
	}
	next := &runningCheck{Check: c, adopts: !r.settled && c.Definition.InitialStatus == ""}
	if old != nil {
		next.Status, next.Output, next.since, next.adopts = old.Status, old.Output, old.since, next.adopts && old.adopts && !old.ran
		r.dropLocked(k)
	}
	if next.Status == cluster.Critical && next.since.IsZero() {
		next.since = time.Now()
	}
	r.warnLocked(next)
	r.describeLocked(next)
	r.checks[k] = next
	sk := key(next.ServiceID)
	if r.of[sk] == nil {
		r.of[sk] = checkSet{}
	}
	r.of[sk][k] = next
	r.todo.checks[k] = sk
	r.startLocked(next)
}

func (r *Registry) dropLocked(k string) {
	c := r.checks[k]
	if c == nil {
		return
	}
	r.stopLocked(c)
	delete(r.checks, k)
	sk := key(c.ServiceID)
	if delete(r.of[sk], k); len(r.of[sk]) == 0 {
		delete(r.of, sk)
	}
	r.todo.checks[k] = sk
}

// describeLocked copies what a check shows of its service.
func (r *Registry) describeLocked(c *runningCheck) {
	if s := r.services[key(c.ServiceID)]; s != nil {
		c.ServiceName, c.ServiceTags = s.Name, s.Tags
	}
}

// changedLocked makes the loop write what there is to do.
func (r *Registry) changedLocked() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}
