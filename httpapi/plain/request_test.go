package plain

import (
	"bufio"
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

var plainHeads = []string{
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"GET /v1/kv/a?index=7&wait=10s HTTP/1.1\r\nHost: 127.0.0.1:8500\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n",
	"GET //a/./b/%2F/..?x=;y HTTP/1.1\r\nhost:[::1]:8500\r\nCONNECTION: Keep-Alive\r\naccept: */*\r\nX-Consul-Token: \t a b \r\nx-consul-token: c\r\nEmpty:\r\n\r\n",
}

func TestPlain(t *testing.T) {
	for _, s := range plainHeads {
		sameAsNetHTTP(t, []byte(s), true)
	}
}

// TestNotPlain has what net/http is to answer.
func TestNotPlain(t *testing.T) {
	const end = "\r\nHost: x\r\n\r\n"
	for _, s := range []string{
		"", "\r\n\r\n", "GET", "GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r", "GET / HTTP/1.1\nHost: x\n\n", "GET HTTP/1.1" + end, "GET  HTTP/1.1" + end,
		"PUT / HTTP/1.1" + end, "HEAD / HTTP/1.1" + end, "get / HTTP/1.1" + end, " GET / HTTP/1.1" + end, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x00\x00",
		"GET / HTTP/1.0" + end, "GET / HTTP/1.1 " + end, "GET  / HTTP/1.1" + end, "GET /a b HTTP/1.1" + end, "GET * HTTP/1.1" + end, "GET http://x/ HTTP/1.1" + end, "GET /%zz HTTP/1.1" + end, "GET /\xff HTTP/1.1" + end,
		"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: user@x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA_B: c\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: b\nc: d\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nA: \xc3\xa4\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1" + end, "GET / HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	} {
		if h, ok := parse([]byte(s)); ok {
			t.Errorf("%q is taken for plain: %+v", s, h)
		}
	}
}

// sameAsNetHTTP checks that a plain head is to net/http what it is here, to its last byte.
func sameAsNetHTTP(t *testing.T, b []byte, plain bool) {
	t.Helper()
	h, ok := parse(b)
	if !ok {
		if plain {
			t.Errorf("%q is not plain", b)
		}
		return
	}
	got := h.request(t.Context(), "")
	rest := bufio.NewReader(bytes.NewReader(b))
	want, err := http.ReadRequest(rest)
	if err != nil {
		t.Fatalf("%q is plain, and net/http says %v", b, err)
	}
	if n := rest.Buffered(); n != 0 || want.ContentLength != 0 || want.Close || len(want.TransferEncoding) != 0 {
		t.Errorf("%q has %d bytes behind it in net/http, and the request is %+v", b, n, want)
	}
	if got.Method != want.Method || got.RequestURI != want.RequestURI || got.Host != want.Host || got.Proto != want.Proto || got.ProtoMajor != want.ProtoMajor || got.ProtoMinor != want.ProtoMinor {
		t.Errorf("%q is %+v, and %+v in net/http", b, got, want)
	}
	if !reflect.DeepEqual(got.URL, want.URL) || !reflect.DeepEqual(got.Header, want.Header) {
		t.Errorf("%q is %+v with %v, and %+v with %v in net/http", b, got.URL, got.Header, want.URL, want.Header)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range plainHeads {
		f.Add([]byte(s))
		f.Add([]byte(strings.ReplaceAll(s, "\r\n", "\r\nContent-Length: 3\r\n")))
	}
	f.Fuzz(func(t *testing.T, b []byte) { sameAsNetHTTP(t, b, false) })
}
