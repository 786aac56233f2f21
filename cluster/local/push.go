package local

import (
	"sync"
	"time"

	"holdfast/cluster"
)

// carry carries out the writes of a batch: those that wait for others after them.
func (l *loop) carry(b *batch) {
	for _, late := range []bool{false, true} {
		var wg sync.WaitGroup
		for _, w := range b.writes {
			if w.late == late {
				wg.Go(func() { w.err = l.write(w) })
			}
		}
		wg.Wait()
	}
}

func (l *loop) write(w *write) error {
	_, err := l.catalog.Apply(l.ctx, cluster.WriteOptions{Token: w.token}, w.cmd)
	return err
}

// ours reports whether the catalog's record of this node's name belongs to this node. What is written of another machine's would be
// removed there.
func (l *loop) ours() bool {
	return l.mirror.node == nil || l.mirror.node.ID == "" || key(l.mirror.node.ID) == key(l.opts.Node.ID)
}

// settle takes over what became of writes, and reports the first failure that trying again may mend. What the catalog refuses is logged, and
// does not keep the rest from it.
func (l *loop) settle(writes []*write) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.lessLocked()
	var failed error
	for _, w := range writes {
		for _, what := range w.touches() {
			delete(l.todo.flying, what)
		}
		switch {
		case w.err == nil:
			l.log.Debug("the catalog has a registration", "what", w.what)
			l.mirror.apply(w.cmd)
			delete(l.todo.refused, w.what)
		case isRefusal(w.err):
			if l.todo.refused[w.what] != w.err.Error() {
				l.log.Error("the catalog refuses a registration", "what", w.what, "error", w.err)
			}
			l.todo.refused[w.what] = w.err.Error()
		default:
			l.againLocked(w)
			if failed == nil {
				failed = w.err
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

// againLocked puts a write back that was not carried out.
func (l *loop) againLocked(w *write) {
	for _, what := range w.touches() {
		delete(l.todo.flying, what)
	}
	for _, k := range w.services {
		l.todo.services[k] = true
		if w.retags {
			l.todo.retag[k] = true
		}
	}
	for _, k := range w.checks {
		l.todo.checks[k] = w.unit
		if c := l.checks[k]; c != nil {
			l.todo.checks[k] = key(c.ServiceID)
			c.written = time.Time{} // it was not
		}
	}
}
