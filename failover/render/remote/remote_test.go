package remote

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/failover/render/language"
)

// store is an agent with keys.
type store struct {
	mu      sync.Mutex // guards following
	index   uint64
	keys    map[string]string
	changed chan struct{}
	down    bool
	asked   map[string]int
}

func newStore() *store {
	return &store{index: 10, keys: map[string]string{}, changed: make(chan struct{}), asked: map[string]int{}}
}

func (s *store) set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	s.keys[key] = value
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *store) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Ask answers keys, and blocks as an agent does.
func (s *store) Ask(ctx context.Context, path string, query url.Values) ([]byte, uint64, bool, error) {
	after, _ := strconv.ParseUint(query.Get("index"), 10, 64)
	key := strings.TrimPrefix(path, "/v1/kv/")
	was := ""
	for first := true; ; first = false {
		s.mu.Lock()
		s.asked[key]++
		index, value, changed, down := s.index, s.keys[key], s.changed, s.down
		s.mu.Unlock()
		if down {
			return nil, 0, false, errors.New("the agent is down")
		}
		if index > after && (first || value != was) {
			return fmt.Appendf(nil, `[{"Key": %q, "Value": %q}]`, key, base64.StdEncoding.EncodeToString([]byte(value))), index, value != "", nil
		}
		was = value
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, false, ctx.Err()
		}
	}
}

// keys reads some keys as a template would.
func keys(d *Data, ctx context.Context, after uint64, names ...string) (string, uint64, error) { //nolint:revive // the Data is what it is about
	var got []string
	index, err := d.Read(ctx, after, func(s language.Source) error {
		got = nil
		for _, n := range names {
			p, err := s.Key(n)
			if err != nil {
				return err
			}
			if p == nil {
				p = &language.Pair{Value: "-"}
			}
			got = append(got, p.Value)
		}
		return ctx.Err()
	})
	return strings.Join(got, " "), index, err
}

// TestFollow holds that a read waits for a change of what it asked the last time, and that what is not asked any more is not followed.
func TestFollow(t *testing.T) {
	s := newStore()
	s.set("a", "1")
	d := New(s)
	defer d.Close()
	got, index, err := keys(d, t.Context(), 0, "a", "b")
	if got != "1 -" || err != nil {
		t.Fatal(got, err)
	}
	s.set("b", "2")
	if got, index, err = keys(d, t.Context(), index, "a", "b"); got != "1 2" || err != nil {
		t.Fatal(got, err)
	}
	s.set("a", "3")
	if got, index, err = keys(d, t.Context(), index, "a"); got != "3" || err != nil {
		t.Fatal(got, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.set("b", "4")
	if _, _, err = keys(d, short, index, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a key that is not asked any more wakes it: %v", err)
	}
}

// TestNothingIsLost holds that a change is seen again where the read that met it was cut short, and after the agent was away.
func TestNothingIsLost(t *testing.T) {
	s := newStore()
	s.set("a", "1")
	d := New(s)
	defer d.Close()
	_, index, err := keys(d, t.Context(), 0, "a")
	if err != nil {
		t.Fatal(err)
	}
	s.set("a", "2")
	ctx, cancel := context.WithCancel(t.Context())
	_, err = d.Read(ctx, index, func(language.Source) error {
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got, index, err := keys(d, t.Context(), index, "a")
	if got != "2" || err != nil {
		t.Fatal(got, err)
	}
	s.setDown(true)
	s.set("x", "wakes who waits") // and is answered with an error
	if _, _, err := keys(New(s), t.Context(), 0, "a"); err == nil || err.Error() != "the agent is down" {
		t.Errorf("%v", err)
	}
	s.setDown(false)
	s.set("a", "3")
	if got, _, err = keys(d, t.Context(), index, "a"); got != "3" || err != nil {
		t.Fatal(got, err)
	}
}

var _ Asker = (*store)(nil)
