package local

import (
	"sync"
	"time"

	"holdfast/cluster"
)

// push carries a batch out and reports the first failure that trying again may mend. What the catalog refuses is logged, and does not
// keep the rest from it.
func (l *loop) push(b *batch) error {
	if b.node != nil {
		if err := l.pushAll([]*write{b.node}); err != nil {
			l.again(b.writes)
			return err
		}
	}
	if !l.ours() {
		l.again(b.writes)
		return cluster.Errorf(cluster.Conflict, "the catalog's node %q is another machine: give this one another node_name", l.opts.Node.Name)
	}
	var now, late []*write
	for _, w := range b.writes {
		if w.late {
			late = append(late, w)
		} else {
			now = append(now, w)
		}
	}
	if err := l.pushAll(now); err != nil {
		l.again(late)
		return err
	}
	return l.pushAll(late)
}

// ours reports whether the catalog's record of this node's name belongs to this node. What is written of another machine's would be
// removed there.
func (l *loop) ours() bool {
	return l.mirror.node == nil || l.mirror.node.ID == "" || key(l.mirror.node.ID) == key(l.opts.Node.ID)
}

// pushAll carries writes out at once.
func (l *loop) pushAll(writes []*write) error {
	errs := make([]error, len(writes))
	var wg sync.WaitGroup
	for i, w := range writes {
		wg.Go(func() { _, errs[i] = l.catalog.Apply(l.ctx, cluster.WriteOptions{Token: w.token}, w.cmd) })
	}
	wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed error
	for i, w := range writes {
		switch err := errs[i]; {
		case err == nil:
			l.log.Debug("the catalog has a registration", "what", w.what)
			l.mirror.apply(w.cmd)
			delete(l.todo.refused, w.what)
		case isRefusal(err):
			if l.todo.refused[w.what] != err.Error() {
				l.log.Error("the catalog refuses a registration", "what", w.what, "error", err)
			}
			l.todo.refused[w.what] = err.Error()
		default:
			l.againLocked(w)
			if failed == nil {
				failed = err
			}
		}
	}
	return failed
}

// isRefusal reports whether the same write would fail again.
func isRefusal(err error) bool {
	switch cluster.CodeOf(err) {
	case cluster.Invalid, cluster.NotFound, cluster.Conflict, cluster.Unauthorized, cluster.Unsupported, cluster.TooLarge:
		return true
	}
	return false
}

// again puts writes back that were not carried out.
func (l *loop) again(writes []*write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range writes {
		l.againLocked(w)
	}
}

func (l *loop) againLocked(w *write) {
	for _, k := range w.services {
		l.todo.services[k] = true
		if w.retags {
			l.todo.retag[k] = true
		}
	}
	for _, k := range w.checks {
		l.todo.checks[k] = true
		if c := l.checks[k]; c != nil {
			c.written = time.Time{} // it was not
		}
	}
}
