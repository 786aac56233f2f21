package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// defaultHTTPAddr is where the agent of this machine listens by default.
const defaultHTTPAddr = "127.0.0.1:8500"

// client speaks to an agent's HTTP API on behalf of a verb.
type client struct {
	base  string
	token string
	http  *http.Client
}

// clientFlags are the flags that every client verb has.
type clientFlags struct {
	addr, token string
}

// newFlags makes a verb's flag set, which prints its help to the console.
func newFlags(c *console, name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(c.err)
	return fs
}

// parseFlags parses, and turns what goes wrong into a usageError; -h ends the program with code 0.
func parseFlags(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitError{0}
	case err != nil:
		return exitError{1} // the flag package has said what is wrong
	}
	return nil
}

func (f *clientFlags) register(c *console, fs *flag.FlagSet) {
	fs.StringVar(&f.addr, "http-addr", cmp.Or(c.env("HOLDFAST_HTTP_ADDR"), c.env("CONSUL_HTTP_ADDR"), defaultHTTPAddr), "address of the agent's HTTP `API`, host:port or unix:///path")
	fs.StringVar(&f.token, "token", cmp.Or(c.env("HOLDFAST_HTTP_TOKEN"), c.env("CONSUL_HTTP_TOKEN")), "ACL `token`")
}

func (f *clientFlags) client() *client {
	t := &http.Transport{}
	base := f.addr
	if path, ok := strings.CutPrefix(base, "unix://"); ok {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
		base = "http://unix"
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return &client{base: strings.TrimSuffix(base, "/"), token: f.token, http: &http.Client{Transport: t, Timeout: 30 * time.Second}}
}

// statusError is an answer of the API that says no.
type statusError struct {
	code int
	text string
}

func (e statusError) Error() string { return e.text }

// do sends one request and decodes the answer into out, unless that is nil. A body that is not nil is sent as JSON.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	b, err := c.raw(ctx, method, path, query, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the agent at %s answered %s with something else than expected: %w", c.base, path, err)
	}
	return nil
}

// raw sends one request and answers the body.
func (c *client) raw(ctx context.Context, method, path string, query url.Values, body io.Reader) ([]byte, error) {
	u := c.base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, fmt.Errorf("the address %s cannot be used: %w", c.base, err)
	}
	if c.token != "" {
		req.Header.Set("X-Consul-Token", c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("cannot reach the agent at %s: %w; is it running, and is -http-addr right?", c.base, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("the agent at %s broke off its answer: %w", c.base, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, statusError{code: resp.StatusCode, text: strings.TrimSpace(cmp.Or(string(b), resp.Status))}
	}
	return b, nil
}
