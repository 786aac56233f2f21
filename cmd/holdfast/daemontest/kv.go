package daemontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// KV is a client of one member's key/value API. It asks once: nothing is repeated behind the caller's back.
type KV struct {
	Member string // the member's name
	Base   string // "http://127.0.0.1:8500"
	Client *http.Client
}

// Entry is a key as the API shows it.
type Entry struct {
	Key                      string
	Value                    []byte
	CreateIndex, ModifyIndex uint64
}

// Failure is a request without the answer that was asked for.
type Failure struct {
	NotDone bool // certainly nothing was done; otherwise it may have been, or may still be
	Text    string
	Err     error // the transport's, nil where the member answered
}

// Error is what the member or the transport said.
func (f *Failure) Error() string { return f.Text }

// Unwrap is the transport's error.
func (f *Failure) Unwrap() error { return f.Err }

// NotDone reports whether err says that certainly nothing was done.
func NotDone(err error) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.NotDone
}

// Get reads a key; query is "", "consistent" or "stale". A key that is not there is nil. The index is X-Consul-Index.
func (k *KV) Get(ctx context.Context, key, query string) (*Entry, uint64, error) {
	all, index, err := k.list(ctx, key, query)
	if err != nil || len(all) == 0 {
		return nil, index, err
	}
	return all[0], index, nil
}

// List reads all keys with a prefix.
func (k *KV) List(ctx context.Context, prefix, query string) ([]*Entry, uint64, error) {
	return k.list(ctx, prefix, "recurse&"+query)
}

func (k *KV) list(ctx context.Context, key, query string) ([]*Entry, uint64, error) {
	status, header, body, err := k.do(ctx, http.MethodGet, key, query, "")
	if err != nil {
		return nil, 0, err
	}
	index, err := strconv.ParseUint(header.Get("X-Consul-Index"), 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s through %s: X-Consul-Index: %w", key, k.Member, err)
	}
	if status == http.StatusNotFound {
		return nil, index, nil
	}
	var all []*Entry
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, 0, fmt.Errorf("read %s through %s: %w", key, k.Member, err)
	}
	return all, index, nil
}

// Put writes a key; query is "" or "cas=INDEX". It answers whether the precondition held.
func (k *KV) Put(ctx context.Context, key, value, query string) (bool, error) {
	return k.write(ctx, http.MethodPut, key, query, value)
}

// Delete deletes a key; query is "" or "cas=INDEX". It answers whether the precondition held.
func (k *KV) Delete(ctx context.Context, key, query string) (bool, error) {
	return k.write(ctx, http.MethodDelete, key, query, "")
}

func (k *KV) write(ctx context.Context, method, key, query, body string) (bool, error) {
	_, _, answer, err := k.do(ctx, method, key, query, body)
	if err != nil {
		return false, err
	}
	ok, err := strconv.ParseBool(string(answer))
	if err != nil {
		return false, &Failure{Text: fmt.Sprintf("%s %s through %s answered %q", method, key, k.Member, answer), Err: err}
	}
	return ok, nil
}

// Leader is the leader's name as the member knows it: "IP:8300", "" for none.
func (k *KV) Leader(ctx context.Context) (string, error) {
	_, _, body, err := k.ask(ctx, http.MethodGet, "/v1/status/leader", "")
	if err != nil {
		return "", err
	}
	var addr string
	err = json.Unmarshal(body, &addr)
	return addr, err
}

// JSON reads what an endpoint answers.
func (k *KV) JSON(ctx context.Context, path string, into any) error {
	status, _, body, err := k.ask(ctx, http.MethodGet, path, "")
	if err == nil && status != http.StatusOK {
		err = &Failure{NotDone: true, Text: string(body)}
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

func (k *KV) do(ctx context.Context, method, key, query, body string) (int, http.Header, []byte, error) {
	return k.ask(ctx, method, "/v1/kv/"+key+"?"+query, body)
}

func (k *KV) ask(ctx context.Context, method, path, body string) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, k.Base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	resp, err := k.Client.Do(req)
	if err != nil {
		op, ok := errors.AsType[*net.OpError](err)
		return 0, nil, nil, &Failure{NotDone: ok && op.Op == "dial", Text: err.Error(), Err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, nil, &Failure{Text: err.Error(), Err: err}
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
		return 0, nil, nil, &Failure{NotDone: notDone(resp.StatusCode, string(answer)), Text: resp.Status + ": " + string(answer)}
	}
	return resp.StatusCode, resp.Header, answer, nil
}

// notDone reads an answer as a program would that must know whether it may send the same again.
func notDone(status int, text string) bool {
	switch {
	case status == http.StatusServiceUnavailable, status < 500:
		return true
	case status == http.StatusInternalServerError:
		return text == "No cluster leader"
	}
	return false
}

// NewClient makes an HTTP client that keeps many connections; dial is nil for the usual one.
func NewClient(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Client {
	if dial == nil {
		dial = (&net.Dialer{Timeout: 2 * time.Second}).DialContext
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64}}
}
