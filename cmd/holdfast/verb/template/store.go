package template

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"holdfast/cmd/holdfast/verb"
	"holdfast/failover/render"
	"holdfast/failover/render/dedup"
	"holdfast/failover/render/remote"
)

// closer is a render.Data that ends.
type closer interface {
	render.Data
	Close()
}

// data is where a template reads: from the agent, or with -dedup from who asks for all.
func (p *process) data(a asker, text string) closer {
	if p.settings.dedup == nil || p.settings.once {
		return remote.New(a)
	}
	return dedup.New(a, store{a.Client}, text, *p.settings.dedup, p.log)
}

// store is the agent's keys and sessions as dedup wants them.
type store struct{ cl *verb.Client }

// goodbye is how long the end of a session may take; without it, it ends with its TTL.
const goodbye = 5 * time.Second

func (s store) Open(ctx context.Context, ttl time.Duration) (string, error) {
	var made struct{ ID string }
	err := s.cl.Do(ctx, http.MethodPut, "/v1/session/create", nil, map[string]string{"Name": "holdfast template -dedup", "TTL": ttl.String(), "LockDelay": "1ms"}, &made)
	return made.ID, err
}

func (s store) Renew(ctx context.Context, session string) error {
	return s.cl.Do(ctx, http.MethodPut, "/v1/session/renew/"+session, nil, nil, nil)
}

func (s store) Close(session string) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	_ = s.cl.Do(ctx, http.MethodPut, "/v1/session/destroy/"+session, nil, nil, nil) // else it ends with its TTL
}

func (s store) Read(ctx context.Context, key string, after uint64) (value []byte, holder string, index uint64, err error) {
	q := url.Values{}
	if after > 0 {
		q.Set("index", strconv.FormatUint(after, 10))
	}
	var found []struct {
		Value   []byte
		Session string
	}
	head, err := s.cl.Ask(ctx, verb.KeyPath(key), q, &found)
	if said, no := errors.AsType[verb.StatusError](err); no && said.Code == http.StatusNotFound {
		err = nil
	}
	if err == nil {
		index, err = strconv.ParseUint(head.Get("X-Consul-Index"), 10, 64)
	}
	if err == nil && len(found) == 1 {
		value, holder = found[0].Value, found[0].Session
	}
	return value, holder, index, err
}

func (s store) Write(ctx context.Context, key, session string, value []byte) (done bool, err error) {
	err = s.cl.DoRaw(ctx, http.MethodPut, verb.KeyPath(key), url.Values{"acquire": {session}}, bytes.NewReader(value), &done)
	return done, err
}
