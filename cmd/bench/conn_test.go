package main

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnswersAreRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       answer
		fails      bool
	}{
		{name: "with a length", text: "HTTP/1.1 200 OK\r\nX-Consul-Index: 17\r\ncontent-length: 4\r\n\r\ntrue", want: answer{status: 200, index: 17, size: 4, body: []byte("true")}},
		{name: "in chunks", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", want: answer{status: 200, size: 13, body: []byte("abc0123456789")}},
		{name: "without a body", text: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", want: answer{status: 404}},
		{name: "longer than what is kept", text: "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 9000), want: answer{status: 200, size: 9000, body: []byte(strings.Repeat("x", keptBody))}},
		{name: "that ends early", text: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", fails: true},
		{name: "of another protocol", text: "SSH-2.0-OpenSSH\r\n", fails: true},
		{name: "without a status", text: "HTTP/1.1 abc OK\r\n\r\n", fails: true},
		{name: "with a negative length", text: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", fails: true},
		{name: "with an index that is none", text: "HTTP/1.1 200 OK\r\nX-Consul-Index: x\r\n\r\n", fails: true},
		{name: "with a chunk of no size", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", fails: true},
		{name: "with a header that is none", text: "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := bufio.NewReader(strings.NewReader(c.text))
			var a answer
			err := a.read(in)
			if c.fails != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if err == nil && (a.status != c.want.status || a.index != c.want.index || a.size != c.want.size || string(a.body) != string(c.want.body)) {
				t.Errorf("status %d, index %d, size %d, body %.40q; want %d, %d, %d, %.40q",
					a.status, a.index, a.size, a.body, c.want.status, c.want.index, c.want.size, c.want.body)
			}
			if err == nil && in.Buffered() > 0 {
				t.Errorf("%d bytes are left for the next answer", in.Buffered())
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nX-Consul-Index: 17\r\nContent-Length: 4\r\n\r\ntrue")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		var a answer
		if err := a.read(bufio.NewReader(strings.NewReader(text))); err == nil && (len(a.body) > keptBody || a.size > len(text)) {
			t.Errorf("%d bytes of a body of %d, from an answer of %d", len(a.body), a.size, len(text))
		}
	})
}

// server is a server that a member stands for.
func server(t *testing.T, h http.HandlerFunc) *member {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &member{name: "m1", http: s.Listener.Addr().String()}
}

func TestConnSpeaksHTTP(t *testing.T) {
	var seen []string
	m := server(t, func(w http.ResponseWriter, r *http.Request) {
		body := new(strings.Builder)
		_, _ = bufio.NewReader(r.Body).WriteTo(body)
		seen = append(seen, r.Method+" "+r.URL.String()+" "+body.String()+" "+r.RemoteAddr)
		if r.URL.Path == "/none" {
			http.Error(w, "there is none", http.StatusNotFound)
		}
	})
	c := &conn{addr: m.http}
	defer c.close()
	if err := c.ok("PUT", "/a?b=c", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if err := c.ok("GET", "/none", nil); err == nil || !strings.Contains(err.Error(), "status 404: there is none") {
		t.Errorf("error %v", err)
	}
	if len(seen) != 2 || !strings.HasPrefix(seen[0], "PUT /a?b=c value ") || seen[0][len("PUT /a?b=c value "):] != seen[1][len("GET /none  "):] {
		t.Errorf("the server saw %q, want two requests over one connection", seen)
	}
}

func TestConnTakesANewConnectionAfterAnError(t *testing.T) {
	cut := true
	m := server(t, func(http.ResponseWriter, *http.Request) {
		if cut {
			cut = false
			panic(http.ErrAbortHandler)
		}
	})
	c := &conn{addr: m.http}
	defer c.close()
	if err := c.do("GET", "/", nil, requestLimit); err == nil {
		t.Error("an answer was read where the connection was cut")
	}
	if err := c.do("GET", "/", nil, requestLimit); err != nil || c.status != 200 {
		t.Errorf("status %d, error %v", c.status, errors.Join(err))
	}
}
