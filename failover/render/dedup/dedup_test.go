package dedup

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/failover/render/language"
	"holdfast/failover/render/remote"
)

// world is an agent with one key, and the store that is shared.
type world struct {
	mu      sync.Mutex // guards following
	value   string     // of the key that is asked for
	index   uint64
	shared  []byte
	holder  string
	live    map[string]bool
	changed chan struct{}
}

func newWorld() *world {
	return &world{value: "one", index: 1, live: map[string]bool{}, changed: make(chan struct{})}
}

func (w *world) update(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	w.index++
	close(w.changed)
	w.changed = make(chan struct{})
}

// wait waits for an index above this one, and answers with the lock held.
func (w *world) wait(ctx context.Context, after uint64) error {
	for {
		w.mu.Lock()
		if w.index > after {
			return nil
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *world) Open(context.Context, time.Duration) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := strconv.Itoa(len(w.live))
	w.live[id] = true
	return id, nil
}

func (w *world) Renew(_ context.Context, session string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.live[session] {
		return errors.New("it is gone")
	}
	return nil
}

func (w *world) Close(session string) {
	w.update(func() {
		w.live[session] = false
		if w.holder == session {
			w.holder = ""
		}
	})
}

func (w *world) Read(ctx context.Context, _ string, after uint64) ([]byte, string, uint64, error) {
	if err := w.wait(ctx, after); err != nil {
		return nil, "", 0, err
	}
	defer w.mu.Unlock()
	return w.shared, w.holder, w.index, nil
}

func (w *world) Write(_ context.Context, _, session string, value []byte) (done bool, err error) {
	w.update(func() {
		if done = w.live[session] && (w.holder == "" || w.holder == session); done {
			w.shared, w.holder = value, session
		}
	})
	return done, nil
}

// asker is one process's way to the agent.
type asker struct {
	*world
	asked atomic.Int64
}

func (a *asker) Ask(ctx context.Context, _ string, q url.Values) ([]byte, uint64, bool, error) {
	a.asked.Add(1)
	after, _ := strconv.ParseUint(q.Get("index"), 10, 64)
	if err := a.wait(ctx, after); err != nil {
		return nil, 0, false, err
	}
	defer a.mu.Unlock()
	return []byte(`[{"Key":"k","Value":"` + b64(a.value) + `"}]`), a.index, true, nil
}

func b64(s string) string {
	return map[string]string{"one": "b25l", "two": "dHdv", "three": "dGhyZWU="}[s]
}

// renderer is a process that renders the key.
type renderer struct {
	*asker
	data *Data
	text atomic.Value
	stop context.CancelFunc
	done chan struct{}
}

func start(w *world) *renderer {
	r := &renderer{asker: &asker{world: w}, done: make(chan struct{})}
	r.data = New(r.asker, w, "text", Options{Prefix: "p/", TTL: 30 * time.Millisecond}, slog.New(slog.DiscardHandler))
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() {
		defer close(r.done)
		for after := uint64(0); ctx.Err() == nil; {
			index, err := r.data.Read(ctx, after, func(s language.Source) error {
				p, err := s.Key("k")
				if err == nil && p != nil {
					r.text.Store(p.Value)
				}
				return err
			})
			if err == nil {
				after = index
			}
		}
	}()
	return r
}

func (r *renderer) end() {
	r.stop()
	<-r.done
	r.data.Close()
}

func (r *renderer) says(t *testing.T, want string) {
	t.Helper()
	eventually(t, want, func() bool { return r.text.Load() == want })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// TestOneAsks holds that of two renderers one asks, that both follow, and that the other takes over when the first has gone.
func TestOneAsks(t *testing.T) {
	w := newWorld()
	first := start(w)
	first.says(t, "one")
	eventually(t, "shared answers", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.shared) > 0 })
	second := start(w)
	defer second.end()
	second.says(t, "one")
	w.update(func() { w.value = "two" })
	first.says(t, "two")
	second.says(t, "two")
	if n := second.asked.Load(); n != 0 {
		t.Errorf("the second has asked %d times", n)
	}
	first.end()
	w.update(func() { w.value = "three" })
	second.says(t, "three")
	if second.asked.Load() == 0 {
		t.Error("the second follows what nobody asks for")
	}
}

// TestLost holds that one whose session is lost, and one that cannot read what it finds, ask for themselves.
func TestLost(t *testing.T) {
	w := newWorld()
	w.shared, w.holder = []byte("something else"), "another"
	r := start(w)
	defer r.end()
	r.says(t, "one")
	w.update(func() { w.value = "two" })
	r.says(t, "two")
	w.update(func() { w.holder = "" })
	eventually(t, "the lock", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.holder != "" })
	w.update(func() { clear(w.live); w.live["x"], w.holder = true, "" })
	w.update(func() { w.value = "three" })
	r.says(t, "three")
	eventually(t, "another session with the lock", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.live[w.holder] })
}

func TestCoding(t *testing.T) {
	answers := []remote.Answer{{Path: "/v1/kv/a", Found: true, Body: []byte("[1]")}, {Path: "/v1/kv/b", Query: "recurse="}}
	got, err := decode(encode(answers))
	if err != nil || !reflect.DeepEqual(got, answers) {
		t.Errorf("%+v, %v", got, err)
	}
	if v := encode(nil); v != nil {
		t.Errorf("no answers are %q", v)
	}
	noise := make([]byte, 2*maxValue)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	if v := encode([]remote.Answer{{Body: noise}}); v == nil || len(v) != 0 {
		t.Errorf("what is too long is %d bytes", len(v))
	}
	if got, err := decode(nil); got != nil || err != nil {
		t.Errorf("nothing is %v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode([]remote.Answer{{Path: "/v1/kv/a", Body: []byte("x")}}))
	f.Add([]byte("x"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = decode(b) })
}
