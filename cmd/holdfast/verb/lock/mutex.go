package lock

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"holdfast/cluster/pause"
)

// The flags that keys of locks and of semaphores bear, so that one is not taken for the other. All clients of the API agree on them.
const (
	mutexFlags     = 0x2ddccbc058a50c18
	semaphoreFlags = 0xe0f69a2baa414de0
)

// delayPause is how long a contender waits where the key is free and cannot be acquired: its lock delay is not over.
const delayPause = time.Second

// mutex is a lock that one holds: a key that a session acquires.
type mutex struct {
	s   *session
	key string
}

func (m *mutex) acquire(ctx context.Context) error {
	var index uint64
	for {
		found, next, err := m.s.read(ctx, m.key, false, index)
		if err != nil {
			return err
		}
		if len(found) == 1 && found[0].Flags != mutexFlags {
			return fmt.Errorf("the key %s is not one of a lock (its flags are %#x): choose another prefix, or the -n of the others", m.key, found[0].Flags)
		}
		if len(found) == 1 && found[0].Session != "" {
			index = next
			continue
		}
		done, err := m.s.write(ctx, m.key, nil, url.Values{"acquire": {m.s.id}, "flags": {strconv.FormatUint(mutexFlags, 10)}})
		if done || err != nil {
			return err
		}
		index = 0
		if !pause.For(ctx, delayPause) {
			return ctx.Err()
		}
	}
}

func (m *mutex) held(ctx context.Context) error {
	var index uint64
	for {
		var found []entry
		err := m.s.again(ctx, func() (err error) {
			found, index, err = m.s.read(ctx, m.key, false, index)
			return err
		})
		switch {
		case err != nil:
			return err
		case len(found) == 0 || found[0].Session != m.s.id:
			return errors.New("the key does not belong to the session any more")
		}
	}
}

func (m *mutex) release() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	_, _ = m.s.write(ctx, m.key, nil, url.Values{"release": {m.s.id}, "flags": {strconv.FormatUint(mutexFlags, 10)}}) // else it ends with the session
	if found, _, err := m.s.read(ctx, m.key, false, 0); err == nil && len(found) == 1 && found[0].Session == "" {
		m.s.remove(ctx, m.key, found[0].ModifyIndex)
	}
}
