package lock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// semaphore is one of a few seats.
type semaphore struct {
	s      *session
	prefix string
	limit  int
}

// seats is the value of PREFIX/.lock: how many seats there are, and which sessions have one.
type seats struct {
	Limit   int
	Holders map[string]bool
}

func (m *semaphore) own() string  { return m.prefix + "/" + m.s.id }
func (m *semaphore) lock() string { return m.prefix + "/.lock" }

func (m *semaphore) acquire(ctx context.Context) error {
	done, err := m.s.write(ctx, m.own(), nil, url.Values{"acquire": {m.s.id}, "flags": {flagsText}})
	if err == nil && !done {
		err = fmt.Errorf("the key %s was not acquired", m.own())
	}
	if err != nil {
		return err
	}
	var index uint64
	for {
		taken, at, next, err := m.look(ctx, index)
		if err != nil {
			return err
		}
		if len(taken.Holders) >= m.limit {
			index = next
			continue
		}
		taken.Holders[m.s.id] = true
		done, err := m.store(ctx, taken, at)
		if done || err != nil {
			return err
		}
		index = 0 // somebody was faster
	}
}

// flagsText are the flags of the keys of a semaphore, in a query.
var flagsText = strconv.FormatUint(semaphoreFlags, 10)

// look answers who of those that live has a seat, and the index of the key that says so.
func (m *semaphore) look(ctx context.Context, index uint64) (taken seats, at, next uint64, err error) {
	found, next, err := m.s.read(ctx, m.prefix+"/", true, index)
	if err != nil {
		return taken, 0, 0, err
	}
	alive := map[string]bool{}
	taken = seats{Limit: m.limit, Holders: map[string]bool{}}
	for _, e := range found {
		switch {
		case e.Key != m.lock():
			if e.Session != "" {
				alive[e.Session] = strings.HasSuffix(e.Key, "/"+e.Session)
			}
			continue
		case e.Flags != semaphoreFlags:
			return taken, 0, 0, fmt.Errorf("the key %s is not one of a semaphore (its flags are %#x): choose another prefix, or the -n of the others", e.Key, e.Flags)
		}
		at = e.ModifyIndex
		if err := json.Unmarshal(e.Value, &taken); err != nil {
			return taken, 0, 0, fmt.Errorf("the key %s does not say who has a seat: %w", e.Key, err)
		}
	}
	if taken.Limit != m.limit {
		return taken, 0, 0, fmt.Errorf("-n is %d, and the others that use %s say %d: all must say the same", m.limit, m.prefix, taken.Limit)
	}
	if taken.Holders == nil {
		taken.Holders = map[string]bool{}
	}
	maps.DeleteFunc(taken.Holders, func(id string, _ bool) bool { return !alive[id] })
	return taken, at, next, nil
}

func (m *semaphore) store(ctx context.Context, taken seats, at uint64) (bool, error) {
	b, err := json.Marshal(taken)
	if err != nil {
		return false, err
	}
	return m.s.write(ctx, m.lock(), b, url.Values{"cas": {strconv.FormatUint(at, 10)}, "flags": {flagsText}})
}

func (m *semaphore) held(ctx context.Context) error {
	var index uint64
	for {
		var taken seats
		err := m.s.again(ctx, func() (err error) {
			taken, _, index, err = m.look(ctx, index)
			return err
		})
		switch {
		case err != nil:
			return err
		case !taken.Holders[m.s.id]:
			return errors.New("the seat does not belong to the session any more")
		}
	}
}

func (m *semaphore) release() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	for ctx.Err() == nil {
		taken, at, _, err := m.look(ctx, 0)
		if err != nil || !taken.Holders[m.s.id] {
			break
		}
		delete(taken.Holders, m.s.id)
		if done, err := m.store(ctx, taken, at); done || err != nil {
			break
		}
	}
	m.tidy(ctx)
}

// tidy removes the contender's key, and, after the last one, the semaphore.
func (m *semaphore) tidy(ctx context.Context) {
	found, _, err := m.s.read(ctx, m.prefix+"/", true, 0)
	if err != nil {
		return // the session takes its key with it, as far as anybody counts it
	}
	i := slices.IndexFunc(found, func(e entry) bool { return e.Key == m.own() })
	if i >= 0 {
		m.s.remove(ctx, m.own(), found[i].ModifyIndex)
	}
	taken, at, _, err := m.look(ctx, 0)
	if err == nil && len(taken.Holders) == 0 && at > 0 {
		m.s.remove(ctx, m.lock(), at)
	}
}
