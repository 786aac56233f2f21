package daemontest

import (
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// checkTimeout bounds the search for an order that explains a history.
const checkTimeout = 2 * time.Minute

// History is what concurrent clients asked and were told, and when. Its methods may be called from any goroutine.
type History struct {
	start time.Time

	mu      sync.Mutex // guards following
	ops     []porcupine.Operation
	seen    map[string]Entry  // the last version of each key that anyone read
	index   map[string]uint64 // by value: the modify index that it was read with
	strange []string          // what no history may contain
}

// NewHistory makes an empty history.
func NewHistory() *History {
	return &History{start: time.Now(), seen: map[string]Entry{}, index: map[string]uint64{}}
}

// Now is the time of an event, for Add.
func (h *History) Now() time.Duration { return time.Since(h.start) }

// Add notes an operation that was called at a time and has returned now. Reads that failed and writes that were certainly not done are not
// added: nothing can be concluded from them, but that their values are never read.
func (h *History) Add(client int, called time.Duration, c Call, r Return) {
	returned := int64(h.Now())
	if r.Unknown {
		returned = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: c, Output: r, Call: int64(called), Return: returned})
}

// See notes a version of a key that was read. A write has one modify index; another one means that it was applied twice.
func (h *History) See(key string, e *Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e == nil {
		delete(h.seen, key)
		return
	}
	h.seen[key] = *e
	if known, ok := h.index[string(e.Value)]; ok && known != e.ModifyIndex {
		h.strange = append(h.strange, fmt.Sprintf("%s = %s was read with the modify indexes %d and %d: it was written twice", key, e.Value, known, e.ModifyIndex))
	}
	h.index[string(e.Value)] = e.ModifyIndex
}

// Seen is the last version of a key that anyone read, the zero Entry for none.
func (h *History) Seen(key string) Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen[key]
}

// version is the modify index of a value that was read, 0 for "".
func (h *History) version(value string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.index[value]
}

// Count is how many operations there are, and how many of them are of unknown outcome.
func (h *History) Count() (all, unknown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range h.ops {
		if op.Output.(Return).Unknown {
			unknown++
		}
	}
	return len(h.ops), unknown
}

// Linearizable reports whether one order explains the history; picture draws the longest part that has one. An order that does without the
// writes of unknown outcome whose values nobody saw explains the history too, and is found much faster, so it is looked for first.
func (h *History) Linearizable() (result porcupine.CheckResult, picture func(path string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := model()
	certain, all := bounded(h.ops)
	if porcupine.CheckOperationsTimeout(m, certain, checkTimeout) == porcupine.Ok {
		return porcupine.Ok, func(string) error { return nil }
	}
	result, info := porcupine.CheckOperationsVerbose(m, all, checkTimeout)
	return result, func(path string) error { return porcupine.VisualizePath(m, info, path) }
}

// bounded is the history with an end for every write of unknown outcome whose value somebody saw: it happened before that one had his
// answer, since values are unique. certain is without those whose values nobody saw; deletions, which cannot be told apart, stay.
func bounded(ops []porcupine.Operation) (certain, all []porcupine.Operation) {
	first := map[string]int64{} // by value: when the first who saw it had his answer
	for _, op := range ops {
		c, r := op.Input.(Call), op.Output.(Return)
		value := r.Value
		if c.Verb == CAS && r.OK && !r.Unknown {
			value = c.Expect
		}
		if at, ok := first[value]; value != "" && (!ok || op.Return < at) {
			first[value] = op.Return
		}
	}
	for _, op := range ops {
		c := op.Input.(Call)
		if op.Output.(Return).Unknown && c.Value != "" {
			at, seen := first[c.Value]
			if !seen {
				all = append(all, op)
				continue
			}
			op.Return = max(at, op.Call) // seen before it was called: the checker will say so
		}
		certain, all = append(certain, op), append(all, op)
	}
	return certain, all
}

// Check fails the test if the history is not linearizable. The picture is then in dir, which outlives the test.
func (h *History) Check(tb testing.TB, dir string) {
	tb.Helper()
	for _, s := range h.strange {
		tb.Error(s)
	}
	result, picture := h.Linearizable()
	all, unknown := h.Count()
	switch result {
	case porcupine.Ok:
		tb.Logf("%d operations, %d of unknown outcome: linearizable", all, unknown)
	case porcupine.Unknown:
		tb.Errorf("whether %d operations, %d of unknown outcome, are linearizable was not found out in %s", all, unknown, checkTimeout)
	default:
		path := filepath.Join(dir, "history.html")
		if err := picture(path); err != nil {
			tb.Error(err)
		}
		tb.Errorf("%d operations, %d of unknown outcome, are NOT linearizable: see %s", all, unknown, path)
	}
}
