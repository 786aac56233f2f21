package exchange

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// words is a list in a frame of its own.
type words struct {
	list []string
	size int
}

func (ws words) AppendJSON(b []byte) []byte { return AppendList(b, ws) }
func (ws words) Len() int                   { return len(ws.list) }
func (ws words) Size() int                  { return ws.size }
func (ws words) Frame() (string, string)    { return `{"Words":[`, `],"None":null}` }

func (ws words) AppendElement(b []byte, i int) []byte {
	j, _ := json.Marshal(map[string]string{"Word": ws.list[i]})
	return append(b, j...)
}

// TestLongList holds that a list reads the same whether it is sent in pieces or whole, plain, indented or compressed.
func TestLongList(t *testing.T) {
	many := strings.Split(strings.Repeat("some words to be sent ", 20_000), " ")
	for _, list := range [][]string{nil, {"one"}, {"one", "two"}, many} {
		for _, query := range []string{"", "?pretty"} {
			for _, encoding := range []string{"", "gzip"} {
				answer := func(size int) (body string, whole bool) {
					r := httptest.NewRequest("GET", "/"+query, nil)
					r.Header.Set("Accept-Encoding", encoding)
					w := httptest.NewRecorder()
					req, err := parseAs(w, r)
					if err != nil {
						t.Fatal(err)
					}
					if err := (&Reply{Body: words{list, size}, Status: 409}).write(w, req); err != nil || w.Code != 409 {
						t.Fatalf("status %d, %v", w.Code, err)
					}
					if w.Header().Get("Content-Encoding") == "gzip" {
						z, err := gzip.NewReader(w.Body)
						if err != nil {
							t.Fatal(err)
						}
						b, err := io.ReadAll(z)
						if err != nil {
							t.Fatal(err)
						}
						w.Body = bytes.NewBuffer(b)
					}
					return w.Body.String(), w.Header().Get("Content-Length") != ""
				}
				want, whole := answer(0)
				got, inPieces := answer(longFrom)
				if !whole || inPieces {
					t.Errorf("a short list has a length: %v, a long one: %v", whole, inPieces)
				}
				if len(list) == 0 && query != "" { // json.Indent writes an empty list in one line
					continue
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%d words, %q, %q: %.500s", len(list), query, encoding, d)
				}
			}
		}
	}
}

// TestLongListEndsWithItsClient holds that nothing is encoded for a client that is gone.
func TestLongListEndsWithItsClient(t *testing.T) {
	list := counted{words{strings.Split(strings.Repeat("word ", 100_000), " "), longFrom}, new(int)}
	w := &broken{httptest.NewRecorder()}
	req, err := parseAs(w, httptest.NewRequest("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Reply{Body: list}).write(w, req); err == nil || *list.encoded > 10_000 {
		t.Errorf("%d elements were encoded, error %v", *list.encoded, err)
	}
}

type counted struct {
	words
	encoded *int
}

func (c counted) AppendElement(b []byte, i int) []byte {
	*c.encoded++
	return c.words.AppendElement(b, i)
}

type broken struct{ *httptest.ResponseRecorder }

func (*broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
