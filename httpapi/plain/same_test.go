package plain

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// lines is what clients may send, each line ended as the RFC wants it.
var lines = []string{
	"GET / HTTP/1.1|Host: x||",
	"GET //../%2F/./a%00?b=%ff&c=;d HTTP/1.1|Host: x||",
	"GET /a#b HTTP/1.1|Host: x||",
	"GET http://y/a HTTP/1.1|Host: x||",
	"GET * HTTP/1.1|Host: x||",
	"OPTIONS * HTTP/1.1|Host: x||",
	"CONNECT y:1 HTTP/1.1|Host: y:1||",
	"GET /\x00 HTTP/1.1|Host: x||",
	"GET /\xff\xfe HTTP/1.1|Host: x|A: \xff||",
	"GET / HTTP/1.0||",
	"GET / HTTP/1.0|Connection: keep-alive||",
	"GET / HTTP/2.0|Host: x||",
	"GET / HTTP/1.2|Host: x||",
	"HEAD / HTTP/1.1|Host: x||",
	"GET / HTTP/1.1||",
	"GET / HTTP/1.1|Host:||",
	"GET / HTTP/1.1|Host: x|Host: x||",
	"GET / HTTP/1.1|Host : x||",
	"GET / HTTP/1.1| Host: x||",
	"GET / HTTP/1.1|Host: x| folded||",
	"GET / HTTP/1.1|Host: x|A:|\tb||",
	"GET / HTTP/1.1|Host: x|A: b\rC: d||",
	"GET / HTTP/1.1|Host: x|A: b\nC: d||",
	"GET / HTTP/1.1|Host: x|A: \x00||",
	"GET / HTTP/1.1|Host: x|A_b: c|d.e: f|a_b: g||",
	"GET / HTTP/1.1|Host: x|If-None-Match: \"1\"|Range: bytes=0-1|Accept-Encoding: gzip|Cookie: a=b|Cookie: c=d||",
	"GET / HTTP/1.1|Host: x|Connection: keep-alive|Connection: Keep-Alive||",
	"GET / HTTP/1.1|Host: x|Connection: keep-alive, close||",
	"GET / HTTP/1.1|Host: x|Connection: close||",
	"GET / HTTP/1.1|Host: x|Connection: keep-alive|Connection: close||",
	"GET / HTTP/1.1|Host: x|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAMAAABkAAQAAP__||",
	"GET / HTTP/1.1|Host: x|Expect: 100-continue||",
	"GET / HTTP/1.1|Host: x|Expect: wonders||",
	"GET / HTTP/1.1|Host: x|Pragma: no-cache||",
	"GET / HTTP/1.1|Host: x|Content-Length: 0||",
	"GET / HTTP/1.1|Host: x|Content-Length: 3||abc",
	"GET / HTTP/1.1|Host: x|Content-Length: 3|Content-Length: 3||abc",
	"GET / HTTP/1.1|Host: x|Content-Length: 3|Content-Length: 4||abcd",
	"GET / HTTP/1.1|Host: x|Content-Length: +3||abc",
	"GET / HTTP/1.1|Host: x|Content-Length: 3|Transfer-Encoding: chunked||3|abc|0||",
	"GET / HTTP/1.1|Host: x|Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||",
	"GET / HTTP/1.1|Host: x|Transfer-Encoding: xchunked||0||",
	"GET / HTTP/1.1|Host: x|Transfer-Encoding : chunked||0||",
	"GET / HTTP/1.1|Host: x|TE: trailers|Trailer: A|Transfer-Encoding: chunked||3|abc|0|A: b||",
	"PUT / HTTP/1.1|Host: x|Expect: 100-continue|Content-Length: 3||abc",
	"||GET / HTTP/1.1|Host: x||",
	"GET /a HTTP/1.1|Host: x||GET /b HTTP/1.1|Host: x||PUT /c HTTP/1.1|Host: x|Content-Length: 3||abcGET /d HTTP/1.1|Host: x||",
	"GET /?" + strings.Repeat("a", 3000) + " HTTP/1.1|Host: x|A: " + strings.Repeat("b", 3000) + "||",
	"GET / HTTP/1.1|Host: x|A: " + strings.Repeat("b", 9000) + "||",
	"GET / HTTP/1.1|Host: x|" + strings.Repeat("A: b|", 500) + "|",
}

// FuzzSame sends the same bytes here and to net/http, and wants the same answers and the same end of the connection. It does so by unix sockets: of
// ports there are not enough for a fuzzer.
func FuzzSame(f *testing.F) {
	for _, s := range lines {
		b := []byte(strings.ReplaceAll(s, "|", lineEnd))
		f.Add(b)
		f.Add(bytes.ReplaceAll(b, []byte(lineEnd), []byte("\n")))
	}
	say := func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %q %q %q %s %v %q %v %d %q %v %q", r.Method, r.URL, r.RequestURI, r.Host, r.Proto, r.Close, r.Header, r.TransferEncoding, r.ContentLength, b, err, r.Trailer)
	}
	dir := f.TempDir()
	here := serveAt(f, listen(f, "unix", filepath.Join(dir, "here")), time.Minute, time.Minute, say)
	there := httptest.NewUnstartedServer(http.HandlerFunc(say))
	_ = there.Listener.Close()
	there.Listener, there.Config.ErrorLog = listen(f, "unix", filepath.Join(dir, "there")), here.others.ErrorLog
	there.Start()
	f.Cleanup(there.Close)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, want := replies(t, here.addr, b), replies(t, there.Listener.Addr().String(), b)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q\nis answered\n%+v\nand by net/http\n%+v", b, got, want)
		}
	})
}

// replies sends b, and gives all answers to it and to a plain request behind it, which there is none to where the server has ended the connection.
func replies(t *testing.T, addr string, b []byte) (all []reply) {
	t.Helper()
	c, err := net.Dial("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(b) // the server may have had enough before it has all
	_, _ = io.WriteString(c, "GET /behind HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = c.(*net.UnixConn).CloseWrite()
	for r := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(r, nil)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q is not answered to its end", b)
		}
		if err != nil {
			return all
		}
		body, err := io.ReadAll(resp.Body)
		cut := ""
		if errors.Is(err, io.ErrUnexpectedEOF) {
			cut = ", cut short"
		}
		resp.Header.Del("Date")
		all = append(all, reply{resp.Status + cut, resp.Header, string(body), resp.ContentLength, resp.TransferEncoding, resp.Close})
	}
}
