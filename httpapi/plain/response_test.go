package plain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// answers is what handlers do with a ResponseWriter.
var answers = map[string]http.HandlerFunc{
	"nothing":      func(http.ResponseWriter, *http.Request) {},
	"status alone": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
	"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"no content, declared": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(http.StatusNoContent)
	},
	"not modified": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Length"], w.Header()["Content-Type"], w.Header()["Etag"] = []string{"5"}, []string{"text/plain"}, []string{`"1"`}
		w.WriteHeader(http.StatusNotModified)
	},
	"no type": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		fmt.Fprint(w, "abc")
	},
	"odd names": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X_.Odd~"], w.Header()["X-Evil: a\r\nX-More"], w.Header()["X Blank"], w.Header()[""] = []string{"a"}, []string{"b"}, []string{"c"}, []string{"d"}
	},
	"odd status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(599) },
	"short":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "abc"); fmt.Fprint(w, "def") },
	"page":       func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html><body>a") },
	"error":      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "what went wrong", http.StatusTeapot) },
	"long":       func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("abc\n", 5000)) },
	"long in parts": func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "a")
		fmt.Fprint(w, strings.Repeat("b", 9000))
	},
	"empty part": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) },
	"declared": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Length"], w.Header()["Content-Type"] = []string{"6"}, []string{"application/json"}
		fmt.Fprint(w, "[1,")
		fmt.Fprint(w, "2]\n")
	},
	"declared and long": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		fmt.Fprint(w, strings.Repeat("a", 100000))
	},
	"more than declared": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		fmt.Fprint(w, "abc")
		if _, err := fmt.Fprint(w, "def"); !errors.Is(err, http.ErrContentLength) {
			panic("more was taken than the client was told")
		}
	},
	"flushed": func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "abc")
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "def")
	},
	"head flushed": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Early", "1")
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
		w.Header().Set("X-Late", "1")
		fmt.Fprint(w, "def")
	},
	"header after status": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "1")
		w.WriteHeader(http.StatusConflict)
	},
	"many fields": func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Add(fmt.Sprintf("X-%d", i%30), strings.Repeat("v", i))
		}
		w.Header()["X-None"] = nil
	},
	"split": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Evil", " a\r\nSet-Cookie: b\r\n\r\n<html> ")
	},
	"compressed": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, "\x1f\x8b")
	},
	"last": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "bye")
	},
	"deadline": func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			panic(err)
		}
	},
	"request": func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, r.URL, r.Host, r.Header, r.RequestURI, r.Proto, r.ContentLength, r.Close, r.TransferEncoding, r.Form, r.TLS, r.Pattern, string(b), err)
	},
}

// TestAnswers asks each handler here, twice on one connection, and in net/http, and wants the same.
func TestAnswers(t *testing.T) {
	for name, h := range answers {
		t.Run(name, func(t *testing.T) {
			const request = "GET /a?b HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"
			there := httptest.NewServer(h)
			defer there.Close()
			c, err := net.Dial("tcp", there.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			want := ask(t, c, request)
			here := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if !isPlain(r) {
					t.Error("a plain request is net/http's")
				}
				h(w, r)
			}).dial(t)
			for range 2 {
				if got := ask(t, here, request); !reflect.DeepEqual(got, want) {
					t.Errorf("got\n%+v\nand from net/http\n%+v", got, want)
				}
				if want.last {
					return
				}
			}
		})
	}
}

// TestCutShort has handlers that do not say all that they said they would: the client must see that.
func TestCutShort(t *testing.T) {
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "abc")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer half.Close()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: half.Listener.Addr().String()})
		},
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, 0),
	}
	for name, h := range map[string]http.HandlerFunc{
		"declared": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			fmt.Fprint(w, "abc")
		},
		"aborted": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "abc")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"panic": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			panic("a mistake")
		},
		"of another": proxy.ServeHTTP,
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, h).dial(t)
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the body is %q and %v, want an unexpected end", b, err)
			}
		})
	}
}

// TestPanicSaysNothing has a handler that panics before it has answered: there is no answer.
func TestPanicSaysNothing(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic("a mistake") }).dial(t)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Errorf("the client reads %q and %v, want an end", b, err)
	}
}

// TestStuckClient has a client that takes no more of an answer, and does not hang up: the request ends all the same.
func TestStuckClient(t *testing.T) {
	ended := make(chan bool)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.Flush(), rc.SetWriteDeadline(time.Now().Add(-time.Second))); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, "abc")
		if err := rc.Flush(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the write behind its deadline says %v", err)
		}
		<-r.Context().Done()
		ended <- isPlain(r)
	}).dial(t)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case plain := <-ended:
		if !plain {
			t.Error("the request was net/http's")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the request does not end")
	}
}

// TestWhoIsLeftBehindWritesNothing has a handler leave its ResponseWriter to somebody else, who writes while the next request of the connection is answered,
// and once more when there is none.
func TestWhoIsLeftBehindWritesNothing(t *testing.T) {
	var left http.ResponseWriter
	late := func() {
		w := http.NewResponseController(left)
		left.Header().Set("Content-Length", "7")
		left.WriteHeader(http.StatusTeapot)
		if n, err := left.Write([]byte("another")); n != 0 || !errors.Is(err, errAnswered) {
			t.Errorf("%d bytes were written, error %v", n, err)
		}
		if err := errors.Join(w.Flush(), w.SetWriteDeadline(time.Now())); !errors.Is(err, errAnswered) {
			t.Errorf("flushed: %v", err)
		}
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			left = w
			panic(http.ErrAbortHandler)
		}
		if left != nil {
			late()
		}
		left = w
		fmt.Fprint(w, r.URL.Path)
	})
	c := s.dial(t)
	fmt.Fprint(c, "GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
	if b, err := io.ReadAll(c); len(b) > 0 || err != nil { // until it is over
		t.Errorf("%q, %v", b, err)
	}
	c = s.dial(t)
	for _, path := range []string{"/second", "/third"} {
		if got := ask(t, c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); got.body != path || got.status != "200 OK" {
			t.Errorf("it is answered %s %q", got.status, got.body)
		}
	}
	late()
}
