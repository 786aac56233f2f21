package verb

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
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

// Client speaks to an agent's HTTP API on behalf of a verb.
type Client struct {
	addr  string // as the user gave it
	base  string
	token string
	http  *http.Client
	auth  *url.Userinfo
	query url.Values // goes with every question
}

// StatusError is an answer of the API that says no.
type StatusError struct {
	Code int
	Text string
}

func (e StatusError) Error() string { return e.Text }

// Do sends one request and decodes the answer into out, unless that is nil. A body that is not nil is sent as JSON.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body, out any) error {
	b, err := c.Send(ctx, method, path, query, body)
	if err != nil || out == nil {
		return err
	}
	return c.decode(path, b, out)
}

// DoRaw is Do with a body that is sent as it is.
func (c *Client) DoRaw(ctx context.Context, method, path string, query url.Values, body io.Reader, out any) error {
	b, err := c.Raw(ctx, method, path, query, body)
	if err != nil || out == nil {
		return err
	}
	return c.decode(path, b, out)
}

func (c *Client) decode(path string, b []byte, out any) error {
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the agent at %s answered %s with something else than expected: %w", c.addr, path, err)
	}
	return nil
}

// Read is a verb that asks the API one question. With -format=json it prints the answer as it is, else as print does. question is called
// when the flags are known. Stale is the query for what is wanted most when there is no leader to ask.
func Read[T any](ctx context.Context, con *Console, fs *flag.FlagSet, args []string, question func() (path string, query url.Values, err error), print func(*Console, T) error) error {
	var f ClientFlags
	var format FormatFlag
	f.Register(con, fs)
	format.Register(fs)
	if err := ParseFlags(fs, args); err != nil {
		return err
	}
	path, query, err := question()
	if err != nil {
		return err
	}
	c, err := f.Client(con)
	if err != nil {
		return err
	}
	b, err := c.Raw(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	var out T
	return c.Render(con, format, path, b, &out, func() error { return print(con, out) })
}

// Stale is the query that has the agent answer from what it knows.
func Stale() url.Values { return url.Values{"stale": {""}} }

// Render prints an answer: as it is where JSON is wanted, else as print does once it stands in out.
func (c *Client) Render(con *Console, f FormatFlag, path string, b []byte, out any, print func() error) error {
	if f.JSON {
		return PrintJSON(con.Out, b)
	}
	if err := c.decode(path, b, out); err != nil {
		return err
	}
	return print()
}

// PrintJSON prints an answer with indents.
func PrintJSON(w io.Writer, b []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(b), "", "  "); err != nil {
		return fmt.Errorf("the agent did not answer in JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(w)
	return err
}

// Send sends one request with a body in JSON, if any, and answers the body.
func (c *Client) Send(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(b)
	}
	return c.Raw(ctx, method, path, query, r)
}

// Raw sends one request and answers the body.
func (c *Client) Raw(ctx context.Context, method, path string, query url.Values, body io.Reader) ([]byte, error) {
	b, _, err := c.exchange(ctx, method, path, query, body)
	return b, err
}

func (c *Client) exchange(ctx context.Context, method, path string, query url.Values, body io.Reader) ([]byte, http.Header, error) {
	resp, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("the agent at %s broke off its answer: %w", c.addr, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, resp.Header, StatusError{Code: resp.StatusCode, Text: strings.TrimSpace(cmp.Or(string(b), resp.Status))}
	}
	return b, resp.Header, nil
}

// Ask asks one question, decodes the answer into out and answers its headers too, also those of an answer that says no.
func (c *Client) Ask(ctx context.Context, path string, query url.Values, out any) (http.Header, error) {
	b, head, err := c.exchange(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return head, err
	}
	return head, c.decode(path, b, out)
}

// Download writes an answer of any length to w, however long that takes.
func (c *Client) Download(ctx context.Context, path string, query url.Values, w io.Writer) error {
	resp, err := c.Patient().request(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		b, _ := io.ReadAll(resp.Body) // what has arrived of the reason
		return StatusError{Code: resp.StatusCode, Text: strings.TrimSpace(cmp.Or(string(b), resp.Status))}
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the answer of the agent at %s was not kept: %w", c.addr, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	all := url.Values{}
	maps.Copy(all, c.query)
	maps.Copy(all, query)
	u := c.base + path
	if len(all) > 0 {
		u += "?" + all.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, fmt.Errorf("the address %s cannot be used: want host:port, http://host:port or unix:///path", c.addr)
	}
	if c.token != "" {
		req.Header.Set("X-Consul-Token", c.token)
	}
	if c.auth != nil {
		password, _ := c.auth.Password()
		req.SetBasicAuth(c.auth.Username(), password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return resp, nil
}

// Patient is the client without a limit in time, for requests of lengths that nobody knows.
func (c *Client) Patient() *Client {
	p, h := *c, *c.http
	h.Timeout = 0
	p.http = &h
	return &p
}

// unreachable says in one sentence why there is no answer.
func (c *Client) unreachable(err error) error {
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
