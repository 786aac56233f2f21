package exchange

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// LongList is a body that may be too large to be held encoded while a client takes its time: a list whose elements encode themselves.
type LongList interface {
	Appender
	Len() int
	Size() int // about how many bytes the JSON has
	AppendElement(b []byte, i int) []byte
	Frame() (before, after string) // what the JSON has around the elements
}

const (
	longFrom  = 1 << 20  // shorter ones are sent in one piece, with their length
	pieceSize = 64 << 10 // what is held of a long one
)

// writeLong sends a list in pieces.
func (p *Reply) writeLong(w http.ResponseWriter, r *Request, list LongList) error {
	h := w.Header()
	p.head(h)
	var to io.Writer = w
	if acceptsGzip(r.Header) {
		h["Content-Encoding"] = []string{"gzip"}
		z := zippers.Get().(*gzip.Writer)
		defer zippers.Put(z)
		z.Reset(w)
		defer func() { _ = z.Close() }() // writes the rest; a client that is gone needs none
		to = z
	}
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	before, separator, after, element := plain(list)
	if r.pretty() {
		before, separator, after, element = pretty(list)
	}
	b := append(make([]byte, 0, 2*pieceSize), before...)
	for i := range list.Len() {
		if i > 0 {
			b = append(b, separator...)
		}
		if b = element(b, i); len(b) < pieceSize {
			continue
		}
		if _, err := to.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := to.Write(append(b, after...))
	return err
}

// pretty reports whether the client wants the JSON to be indented.
func (r *Request) pretty() bool { return r.Query.Has("pretty") && r.Query.Get("pretty") != "false" }

const indent = "    "

func plain(list LongList) (before, separator, after string, element func([]byte, int) []byte) {
	before, after = list.Frame()
	return before, ",", after, list.AppendElement
}

// pretty is plain with everything indented. Where the elements stand is found by indenting the frame around one that is easy to find.
func pretty(list LongList) (before, separator, after string, element func([]byte, int) []byte) {
	const mark = `"the elements"`
	before, after = list.Frame()
	var framed bytes.Buffer
	_ = json.Indent(&framed, []byte(before+mark+after), "", indent) // a frame is sound JSON
	before, after, _ = strings.Cut(framed.String()+"\n", mark)
	prefix := before[strings.LastIndexByte(before, '\n')+1:]
	var raw []byte
	return before, ",\n" + prefix, after, func(b []byte, i int) []byte {
		raw = list.AppendElement(raw[:0], i)
		out := bytes.NewBuffer(b)
		_ = json.Indent(out, raw, prefix, indent) // an element is sound JSON
		return out.Bytes()
	}
}

// AppendList is what AppendJSON is for a list.
func AppendList(b []byte, list LongList) []byte {
	before, after := list.Frame()
	b = append(b, before...)
	for i := range list.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = list.AppendElement(b, i)
	}
	return append(b, after...)
}
