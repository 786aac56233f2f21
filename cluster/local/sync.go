package local

import (
	"context"
	"strings"

	"holdfast/cluster"
)

// round writes what differs, until nothing does or a write fails.
func (l *loop) round() {
	for {
		l.mu.Lock()
		target := l.todo.changes
		b := l.batchLocked(&l.mirror)
		rest := len(l.todo.services)+len(l.todo.checks) > 0
		l.mu.Unlock()
		if err := l.push(b); err != nil {
			l.failed(err)
			return
		}
		if !rest {
			l.fails, l.told = 0, ""
			l.finish(target)
			return
		}
	}
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

// finish says that everything up to a change has been offered to the catalog.
func (l *loop) finish(target uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if target > l.todo.done {
		l.todo.done = target
		close(l.todo.finished)
		l.todo.finished = make(chan struct{})
	}
}

// Sync waits until what was registered before the call is in the catalog, or ctx ends. An error says what the catalog refuses.
func (r *Registry) Sync(ctx context.Context) error {
	r.mu.Lock()
	target := r.todo.changes
	for r.todo.done < target {
		finished := r.todo.finished
		r.mu.Unlock()
		select {
		case <-finished:
		case <-ctx.Done():
			return ctx.Err()
		}
		r.mu.Lock()
	}
	defer r.mu.Unlock()
	var why []string
	for _, text := range r.todo.refused {
		why = append(why, text)
	}
	if len(why) > 0 {
		return cluster.Errorf(cluster.Conflict, "the catalog refuses some of what is registered here: %s", strings.Join(why, "; "))
	}
	return nil
}
