package state

import (
	"context"
	"reflect"
	"slices"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// View is a consistent snapshot of the state for one goroutine. What its methods return is shared: read it, never change it.
// Nothing found is nil or an empty slice. Its methods are in the files named after what they read.
type View struct{ r reading }

// Index is the highest index that the answers so far depend on, at least 1.
func (v *View) Index() uint64 { return max(v.r.index, 1) }

// Wait returns nil once an answer that a WatchView has given may be different now, or a restore has replaced the store; to see the
// new answer, ask a new View: this one lets go of its snapshot, and cannot be asked again. It returns ctx's error when ctx ends first.
func (v *View) Wait(ctx context.Context) error {
	v.r.txn = nil // what is overwritten meanwhile need not be kept
	return v.r.wait(ctx)
}

// reading is the part of a View that notes what was asked.
type reading struct {
	content  *content
	txn      *table.Txn
	index    uint64
	watching bool
	watches  []watch
}

// watch is a question with the answer it had.
type watch struct {
	question
	index   uint64
	changed <-chan struct{}
	costly  bool // asking again costs more than waking the reader for nothing
}

// ask asks about one object and notes it.
func (r *reading) ask(table, key string) any {
	q := question{table: table, key: key}
	a := q.ask(r.txn)
	r.note(q, a, false)
	return a.object
}

// askBelow visits the keys below a prefix and notes it.
func (r *reading) askBelow(prefix string, visit func(*cluster.KVEntry)) {
	n := 0
	q := question{table: tableKV, key: prefix, below: true}
	a := askBelow(r.txn, q.key, func(e *cluster.KVEntry) {
		n++
		visit(e)
	})
	r.note(q, a, n > cheapToAskAgain)
}

// askSet asks for a set's row and notes it.
func (r *reading) askSet(name string) *indexRow {
	row, _ := r.ask(tableIndexes, name).(*indexRow)
	return row
}

// cheapToAskAgain is how many keys below a prefix are looked through once more before a reader is woken.
const cheapToAskAgain = 64

func (r *reading) note(q question, a answer, costly bool) {
	r.index = max(r.index, a.index)
	if r.watching {
		r.watches = append(r.watches, watch{question: q, index: a.index, changed: a.changed.Changed(), costly: costly})
	}
}

func (r *reading) wait(ctx context.Context) error {
	for !r.moved() {
		if err := r.waitOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// moved reports whether an answer has changed.
func (r *reading) moved() bool {
	if isClosed(r.content.replaced) {
		return true
	}
	for i := range r.watches {
		if w := &r.watches[i]; isClosed(w.changed) && w.moved(r.content.db) {
			return true
		}
	}
	return false
}

// waitOnce waits until one of the channels closes. Most readers have asked one thing.
func (r *reading) waitOnce(ctx context.Context) error {
	if len(r.watches) == 1 {
		select {
		case <-r.watches[0].changed:
			return nil
		case <-r.content.replaced:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	channels := []<-chan struct{}{r.content.replaced}
	for _, w := range r.watches {
		channels = append(channels, w.changed)
	}
	waitAny(ctx, channels)
	return ctx.Err()
}

// mostCases is how many channels reflect waits for at once, but for two.
const mostCases = 1<<16 - 2

// waitAny waits until one of the channels closes, or ctx ends.
func waitAny(ctx context.Context, channels []<-chan struct{}) {
	if len(channels) > mostCases {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		rest, closed := channels[mostCases:], make(chan struct{})
		go func() {
			defer close(closed)
			waitAny(ctx, rest)
		}()
		channels = append(slices.Clone(channels[:mostCases]), closed)
	}
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	for _, ch := range channels {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ch)})
	}
	reflect.Select(cases)
}

// moved reports whether the answer has changed. The tree wakes some readers for a neighbour's change (a key that does not exist
// has no channel of its own); those wait on with the channel of now.
func (w *watch) moved(db *table.DB) bool {
	if w.costly {
		return true
	}
	a := w.ask(db.Read())
	if a.index != w.index {
		return true
	}
	w.changed = a.changed.Changed()
	return false
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
