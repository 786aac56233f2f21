package local

import (
	"context"
	"strings"

	"holdfast/cluster"
)

// round sends off what differs, but for what an earlier write is still under way of: nobody knows yet what that leaves.
func (l *loop) round() {
	l.mu.Lock()
	b := l.batchLocked(&l.mirror)
	b.loads = l.loads
	for _, w := range b.writes {
		for _, what := range w.touches() {
			l.todo.flying[what] = true
		}
	}
	l.lessLocked()
	l.mu.Unlock()
	if b.node != nil { // it goes first
		b.node.err = l.write(b.node)
		if err := l.settle([]*write{b.node}); err != nil {
			l.giveUp(b, err)
			return
		}
	}
	switch {
	case len(b.writes) == 0:
	case !l.ours():
		l.giveUp(b, cluster.Errorf(cluster.Conflict, "the catalog's node %q is another machine: give this one another node_name", l.opts.Node.Name))
	default:
		l.probes.Go(func() {
			l.carry(b)
			select {
			case l.landed <- b:
			case <-l.ctx.Done():
			}
		})
	}
}

// land takes over what became of a batch, and reports whether there is nothing to try again.
func (l *loop) land(b *batch) bool {
	if b.loads != l.loads { // whether the view that was read meanwhile had these writes, or what others made of them since, nobody knows
		l.reread.Reset(rereadInterval)
	}
	if err := l.settle(b.writes); err != nil {
		l.failed(err)
		return false
	}
	l.fails, l.told = 0, ""
	return true
}

// giveUp leaves a batch for later, because of err.
func (l *loop) giveUp(b *batch, err error) {
	l.mu.Lock()
	for _, w := range b.writes {
		l.againLocked(w)
	}
	l.lessLocked()
	l.mu.Unlock()
	l.failed(err)
}

// failed tries again after a pause.
func (l *loop) failed(err error) {
	if l.ctx.Err() != nil {
		return
	}
	l.tell("cannot write this node's services to the catalog, will try again", err)
	l.retry.Reset(min(minRetry<<min(l.fails, 10), maxRetry))
	l.fails++
}

func (l *loop) tell(what string, err error) {
	if text := err.Error(); text != l.told && l.ctx.Err() == nil {
		l.told = text
		l.log.Warn(what, "error", err) //nolint:sloglint // both messages are in this file
	}
}

// lessLocked says that there may be less to do.
func (r *Registry) lessLocked() {
	close(r.todo.finished)
	r.todo.finished = make(chan struct{})
}

// Sync waits until what is registered of these services, "" for the node itself, is in the catalog, or ctx ends. With none, it
// waits for all that was registered before the call. An error says what the catalog refuses.
func (r *Registry) Sync(ctx context.Context, services ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.todo.all {
		if err := r.awaitLocked(ctx); err != nil {
			return err
		}
	}
	units := map[string]bool{}
	for _, id := range services {
		units[key(id)] = true
	}
	if len(services) == 0 {
		units = r.todo.units()
	}
	for unit := range units {
		for r.todo.has(unit) {
			if err := r.awaitLocked(ctx); err != nil {
				return err
			}
		}
	}
	var why []string
	for _, text := range r.todo.refused {
		why = append(why, text)
	}
	if len(why) > 0 {
		return cluster.Errorf(cluster.Conflict, "the catalog refuses some of what is registered here: %s", strings.Join(why, "; "))
	}
	return nil
}

// awaitLocked waits until there may be less to do. It lets go of mu meanwhile.
func (r *Registry) awaitLocked(ctx context.Context) error {
	finished := r.todo.finished
	r.mu.Unlock()
	defer r.mu.Lock()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
