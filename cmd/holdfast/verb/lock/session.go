package lock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster/pause"
	"holdfast/cmd/holdfast/verb"
)

const (
	sessionTTL = 15 * time.Second // how long the lock outlives this process
	pollTime   = 15 * time.Second // of one question that waits
	retryPause = time.Second
	goodbye    = 5 * time.Second // for what is said at the end
)

// session is what acquires keys. It ends with the machine's membership, or when nobody renews it.
type session struct {
	cl      *verb.Client
	name    string
	retries int
	id      string
}

func (s *session) open(ctx context.Context) error {
	var made struct{ ID string }
	if err := s.cl.Do(ctx, http.MethodPut, "/v1/session/create", nil, map[string]string{"Name": s.name, "TTL": sessionTTL.String()}, &made); err != nil {
		return fmt.Errorf("no session was created: %w", err)
	}
	s.id = made.ID
	return nil
}

// close gives everything back that the session holds, also where the user has ended this program.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	_ = s.cl.Do(ctx, http.MethodPut, "/v1/session/destroy/"+s.id, nil, nil, nil) // else it ends with its TTL
}

// renew keeps the session until ctx ends. An error says that it is lost.
func (s *session) renew(ctx context.Context) error {
	tick := time.NewTicker(sessionTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		err := s.again(ctx, func() error {
			return s.cl.Do(ctx, http.MethodPut, "/v1/session/renew/"+s.id, nil, nil, nil)
		})
		if err != nil {
			return fmt.Errorf("the session was not renewed: %w", err)
		}
	}
}

// again does something anew, a second apart, while the agent does not answer or has no leader.
func (s *session) again(ctx context.Context, do func() error) error {
	for n := 0; ; n++ {
		err := do()
		var said verb.StatusError
		final := err == nil || ctx.Err() != nil || errors.As(err, &said) && said.Code/100 == 4
		if final || n >= s.retries {
			return err
		}
		if !pause.For(ctx, retryPause) {
			return ctx.Err()
		}
	}
}

// entry is a key as the API shows it.
type entry struct {
	Key, Session       string
	Value              []byte
	Flags, ModifyIndex uint64
}

// read asks for one key, or all below it, and waits for a change since index. Index 0 does not wait.
func (s *session) read(ctx context.Context, key string, recurse bool, index uint64) (found []entry, next uint64, err error) {
	q := url.Values{"consistent": {""}}
	if recurse {
		q.Set("recurse", "")
	}
	if index > 0 {
		q.Set("index", strconv.FormatUint(index, 10))
		q.Set("wait", pollTime.String())
	}
	head, err := s.cl.Ask(ctx, verb.KeyPath(key), q, &found)
	var said verb.StatusError
	if errors.As(err, &said) && said.Code == http.StatusNotFound {
		err = nil
	}
	if err != nil {
		return nil, 0, err
	}
	next, err = strconv.ParseUint(head.Get("X-Consul-Index"), 10, 64)
	return found, next, err
}

// write writes a key under a condition, and answers whether that held.
func (s *session) write(ctx context.Context, key string, value []byte, q url.Values) (done bool, err error) {
	err = s.cl.DoRaw(ctx, http.MethodPut, verb.KeyPath(key), q, strings.NewReader(string(value)), &done)
	return done, err
}

// remove deletes a key that nobody has changed since index.
func (s *session) remove(ctx context.Context, key string, index uint64) {
	_ = s.cl.Do(ctx, http.MethodDelete, verb.KeyPath(key), url.Values{"cas": {strconv.FormatUint(index, 10)}}, nil, nil) // it only tidies up
}
