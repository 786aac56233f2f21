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
	"os"
	"strings"
	"time"
)

const (
	defaultHTTPAddr = "127.0.0.1:8500" // where the agent of this machine listens by default
	clientTimeout   = 30 * time.Second
)

// client speaks to an agent's HTTP API on behalf of a verb.
type client struct {
	addr  string // as the user gave it
	base  string
	token string
	http  *http.Client
}

// client is the client that the flags describe.
func (f *clientFlags) client(c *console) (*client, error) {
	token := f.token
	if file := cmp.Or(f.tokenFile, setting(c, "HTTP_TOKEN_FILE")); token == "" && file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the token file: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
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
	return &client{
		addr: f.addr, base: strings.TrimSuffix(base, "/"), token: cmp.Or(token, setting(c, "HTTP_TOKEN")),
		http: &http.Client{Transport: t, Timeout: clientTimeout},
	}, nil
}

// statusError is an answer of the API that says no.
type statusError struct {
	code int
	text string
}

func (e statusError) Error() string { return e.text }

// do sends one request and decodes the answer into out, unless that is nil. A body that is not nil is sent as JSON.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	b, err := c.send(ctx, method, path, query, body)
	if err != nil || out == nil {
		return err
	}
	return c.decode(path, b, out)
}

func (c *client) decode(path string, b []byte, out any) error {
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the agent at %s answered %s with something else than expected: %w", c.addr, path, err)
	}
	return nil
}

// read is a verb that asks the API one question. With -format=json it prints the answer as it is, else as print does. question is called
// when the flags are known.
func read[T any](ctx context.Context, con *console, fs *flag.FlagSet, args []string, question func() (path string, query url.Values, err error), print func(*console, T) error) error {
	var f clientFlags
	var format formatFlag
	f.register(con, fs)
	format.register(fs)
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	path, query, err := question()
	if err != nil {
		return err
	}
	c, err := f.client(con)
	if err != nil {
		return err
	}
	if query == nil {
		query = url.Values{}
	}
	query.Set("stale", "") // what this member knows is wanted most when there is no leader to ask
	b, err := c.raw(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	var out T
	return c.render(con, format, path, b, &out, func() error { return print(con, out) })
}

// render prints an answer: as it is where JSON is wanted, else as print does once it stands in out.
func (c *client) render(con *console, f formatFlag, path string, b []byte, out any, print func() error) error {
	if f.json {
		return printJSON(con.out, b)
	}
	if err := c.decode(path, b, out); err != nil {
		return err
	}
	return print()
}

// printJSON prints an answer with indents.
func printJSON(w io.Writer, b []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(b), "", "  "); err != nil {
		return fmt.Errorf("the agent did not answer in JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}

// send sends one request with a body in JSON, if any, and answers the body.
func (c *client) send(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(b)
	}
	return c.raw(ctx, method, path, query, r)
}

// raw sends one request and answers the body.
func (c *client) raw(ctx context.Context, method, path string, query url.Values, body io.Reader) ([]byte, error) {
	resp, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("the agent at %s broke off its answer: %w", c.addr, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, statusError{code: resp.StatusCode, text: strings.TrimSpace(cmp.Or(string(b), resp.Status))}
	}
	return b, nil
}

// download writes an answer of any length to w, however long that takes.
func (c *client) download(ctx context.Context, path string, query url.Values, w io.Writer) error {
	c.http.Timeout = 0
	resp, err := c.request(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		b, _ := io.ReadAll(resp.Body) // what has arrived of the reason
		return statusError{code: resp.StatusCode, text: strings.TrimSpace(cmp.Or(string(b), resp.Status))}
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the answer of the agent at %s was not kept: %w", c.addr, err)
	}
	return nil
}

func (c *client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	u := c.base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, fmt.Errorf("the address %s cannot be used: want host:port, http://host:port or unix:///path", c.addr)
	}
	if c.token != "" {
		req.Header.Set("X-Consul-Token", c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return resp, nil
}

// unreachable says in one sentence why there is no answer.
func (c *client) unreachable(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		if e.Timeout() {
			return fmt.Errorf("the agent at %s did not answer within %s", c.addr, clientTimeout)
		}
		err = e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		err = e.Err
		if s, ok := errors.AsType[*os.SyscallError](err); ok {
			err = s.Err
		}
	}
	return fmt.Errorf("cannot reach the agent at %s: %w; is it running, and is -http-addr right?", c.addr, err)
}
