package local

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast/cluster"
)

// todo is what the loop has yet to compare with the catalog, and who waits for it.
type todo struct {
	services map[string]bool   // keys that were touched
	checks   map[string]string // and the services that they belong to
	retag    map[string]bool   // services whose tags were registered anew: they count before the catalog's own (EnableTagOverride)
	late     map[string]bool   // checks whose output alone has changed, not long after it was last written
	all      bool              // compare everything

	flying   map[string]bool   // what a write is under way of, as record names it
	finished chan struct{}     // closed when there is less to do
	refused  map[string]string // what the catalog refuses, and why
}

func newTodo() todo {
	return todo{
		services: map[string]bool{}, checks: map[string]string{}, flying: map[string]bool{}, retag: map[string]bool{}, late: map[string]bool{},
		finished: make(chan struct{}), refused: map[string]string{},
	}
}

// write is one command for the catalog.
type write struct {
	cmd      cluster.Command
	token    string
	what     string // for the log
	retags   bool   // it gives the service its tags again, whatever the catalog has
	late     bool   // after the others: one of them registers the service that it is about
	size     int    // about how many bytes its checks take
	unit     string // key of the service that it is about, "" for the node
	err      error  // what became of it
	services []string
	checks   []string
}

// touches are the records that nothing else is to write while this is under way, as record names them.
func (w *write) touches() []string {
	if len(w.services)+len(w.checks) == 0 {
		return nil // it is about the node itself, which is written while the loop waits
	}
	t := []string{record(kindService, w.unit)}
	for _, k := range w.checks {
		t = append(t, record(kindCheck, k))
	}
	return t
}

// units are the services that there is something to do about, "" for the node.
func (t *todo) units() map[string]bool {
	units := maps.Clone(t.services)
	for _, unit := range t.checks {
		units[unit] = true
	}
	for what := range t.flying {
		if unit, ok := strings.CutPrefix(what, kindService+" "); ok {
			units[unit] = true
		}
	}
	return units
}

// has reports whether there is something to do about a service, "" for the node.
func (t *todo) has(unit string) bool {
	if t.all || t.services[unit] || t.flying[record(kindService, unit)] {
		return true
	}
	for _, u := range t.checks {
		if u == unit {
			return true
		}
	}
	return false
}

// batchSize is how many writes go at once. They share the leader's disk syncs.
const batchSize = 256

// batch collects writes.
type batch struct {
	node   *write // goes first
	writes []*write
	by     map[[2]string]*write // the write of a service's records under a token
	loads  int                  // how often the catalog had been read when it was made
}

// batchLocked takes what there is to do and makes the writes of it, as many as go at once. What is left is for the next batch.
func (r *Registry) batchLocked(m *mirror) *batch {
	b := &batch{by: map[[2]string]*write{}}
	if !sameNode(&r.opts.Node, m.node) && (r.todo.all || r.todo.refused[kindNode] == "") {
		b.node = &write{cmd: &cluster.Register{Node: r.opts.Node}, what: kindNode}
	}
	if r.todo.all {
		r.todo.all = false
		for _, keys := range []map[string]bool{keysOf(r.services), keysOf(m.services)} {
			maps.Copy(r.todo.services, keys)
		}
		for k, c := range m.checks {
			r.todo.checks[k] = key(c.ServiceID)
		}
		for k, c := range r.checks {
			r.todo.checks[k] = key(c.ServiceID)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.todo.checks)) {
		if len(b.writes) >= batchSize {
			return b
		}
		if r.todo.flying[record(kindCheck, k)] || r.todo.flying[record(kindService, r.todo.checks[k])] {
			continue
		}
		delete(r.todo.checks, k)
		r.checkLocked(b, m, k)
	}
	for _, k := range slices.Sorted(maps.Keys(r.todo.services)) {
		if len(b.writes) >= batchSize {
			return b
		}
		if r.todo.flying[record(kindService, k)] {
			continue
		}
		delete(r.todo.services, k)
		r.serviceLocked(b, m, k)
	}
	return b
}

func keysOf[T any](m map[string]T) map[string]bool {
	keys := make(map[string]bool, len(m))
	for k := range m {
		keys[k] = true
	}
	return keys
}

// serviceLocked writes a service that the catalog has otherwise, with whatever the batch writes of its checks.
func (r *Registry) serviceLocked(b *batch, m *mirror, k string) {
	want, have := r.services[k], m.services[k]
	switch {
	case want == nil && have == nil:
		delete(r.todo.refused, named(kindService, k))
	case want == nil:
		if !r.settled {
			return
		}
		if !foreign(k) {
			b.writes = append(b.writes, &write{
				cmd: &cluster.Deregister{Node: r.opts.Node.Name, ServiceID: have.ID}, what: named(kindService, k), services: []string{k}, unit: k,
			})
		}
	case have != nil && r.wantedLocked(k, have).Equal(have):
		delete(r.todo.retag, k)
		if b.by[[2]string{k, want.Token}] == nil {
			delete(r.todo.refused, named(kindService, k))
		}
	default:
		r.writeOfLocked(b, m, k, want.Token)
	}
}

// checkLocked writes a check that the catalog has otherwise, together with its service where that is not there yet.
func (r *Registry) checkLocked(b *batch, m *mirror, k string) {
	c, have := r.checks[k], m.checks[k]
	delete(r.todo.late, k)
	if c == nil {
		r.surplusLocked(b, m, k)
		return
	}
	c.adoptLocked(have)
	if have != nil && sameCheck(&c.Check.Check, have) {
		if have.Output == c.Output {
			return
		}
		if have.Output != "" && !c.outputDue(r.opts.OutputInterval) { // the first words on why a check is critical are news
			r.todo.late[k] = true
			return
		}
	}
	c.written = time.Now()
	record := c.Check.Check
	w := r.writeOfLocked(b, m, key(c.ServiceID), c.Token)
	cmd := w.cmd.(*cluster.Register)
	cmd.Checks = append(cmd.Checks, &record)
	w.checks = append(w.checks, k)
	if w.size += len(record.Output) + len(record.Notes) + checkSize; w.size >= writeSize {
		delete(b.by, [2]string{key(c.ServiceID), c.Token}) // the next check begins another write
	}
}

const (
	writeSize = 256 << 10 // from here on a write is full: an entry of the log has a limit, and outputs may be long
	checkSize = 512       // about what a check takes beside its texts
)

// surplusLocked removes a check that is not registered here from the catalog.
func (r *Registry) surplusLocked(b *batch, m *mirror, k string) {
	have := m.checks[k]
	if have == nil || !r.settled || foreign(k) {
		delete(r.todo.refused, named(kindCheck, k))
		return
	}
	sk := key(have.ServiceID)
	if sk != "" && m.services[sk] != nil && r.services[sk] == nil && !foreign(sk) {
		r.todo.services[sk] = true // it goes with its service
		return
	}
	b.writes = append(b.writes, &write{
		cmd: &cluster.Deregister{Node: r.opts.Node.Name, CheckID: have.ID}, what: named(kindCheck, k), checks: []string{k}, unit: sk,
	})
}

// writeOfLocked is the batch's write of a service's records, or of the node's own for "", under a token. A service that the catalog does
// not have as it should is part of the write under its own token, and comes first.
func (r *Registry) writeOfLocked(b *batch, m *mirror, sk, token string) *write {
	if w := b.by[[2]string{sk, token}]; w != nil {
		return w
	}
	cmd := &cluster.Register{Node: r.opts.Node, SkipNodeUpdate: true}
	w := &write{cmd: cmd, token: token, what: named(kindService, sk), unit: sk}
	if s := r.services[sk]; s != nil {
		have := m.services[sk]
		switch {
		case token != s.Token && have == nil:
			r.writeOfLocked(b, m, sk, s.Token)
			w.late = true
		case token == s.Token && (have == nil || !r.wantedLocked(sk, have).Equal(have)):
			cmd.Service, w.services, w.retags = r.wantedLocked(sk, have), []string{sk}, r.todo.retag[sk]
			delete(r.todo.retag, sk)
		}
	}
	b.by[[2]string{sk, token}] = w
	b.writes = append(b.writes, w)
	return w
}

// record names a record for comparison, named for people.
func record(kind, k string) string { return kind + " " + k }

func named(kind, k string) string {
	if k == "" {
		return "the checks of the node"
	}
	return fmt.Sprintf("%s %q", kind, k)
}
