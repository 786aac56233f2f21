package watch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/cluster"
)

// world is a source whose one answer a test sets.
type world struct {
	mu      sync.Mutex // guards following
	body    string
	found   bool
	index   uint64
	asked   []url.Values
	fail    error
	changed chan struct{}
}

func newWorld(body string) *world {
	return &world{body: body, found: true, index: 10, changed: make(chan struct{})}
}

// set changes the answer, and the index whatever it is.
func (w *world) set(body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.body, w.found = body, body != ""
	w.index++
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) failing(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = err
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) Ask(ctx context.Context, _ string, q url.Values) (Answer, error) {
	w.mu.Lock()
	w.asked = append(w.asked, q)
	w.mu.Unlock()
	wait, err := time.ParseDuration(q.Get("wait"))
	if err != nil {
		wait = time.Minute
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	after, _ := strconv.ParseUint(q.Get("index"), 10, 64)
	for late := false; ; {
		w.mu.Lock()
		a, err, changed := Answer{Found: w.found, Body: []byte(w.body), Index: w.index}, w.fail, w.changed
		w.mu.Unlock()
		if err != nil || a.Index != after || late {
			return a, err
		}
		select {
		case <-changed:
		case <-over.C:
			late = true
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}
}

// key is the API's answer for a key of this value.
func key(value string) string {
	b, err := json.Marshal([]byte(value))
	if err != nil {
		panic(err)
	}
	return `[{"LockIndex":0,"Key":"k","Flags":0,"Value":` + string(b) + `,"CreateIndex":1,"ModifyIndex":2}]`
}

// running runs watches until the test ends.
func running(t *testing.T, source Source, ws ...cluster.Watch) *Runner {
	t.Helper()
	r := NewRunner(source, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	r.Set(ws)
	eventually(t, "the watches", func() bool { return len(r.Watches()) == len(ws) })
	return r
}

// shell is a watch of a key whose handler is a line for the shell.
func shell(line string) cluster.Watch {
	return cluster.Watch{Type: "key", Key: "k", Args: []string{"/bin/sh", "-c", line}, Timeout: time.Minute}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// values are the values of the keys that a handler has written into a file, a line each.
func values(t *testing.T, path string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e *struct{ Value []byte }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("the handler was given %q: %v", line, err)
		}
		if e == nil {
			out = append(out, "null")
			continue
		}
		out = append(out, string(e.Value))
	}
	return out
}

func file(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "out")
}

// lines is what a handler has written into a file.
func lines(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
