package plain

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answer is the http.ResponseWriter of one request. It leads to the connection's response until its handler has returned, and to nothing afterwards: what a
// goroutine that was left behind still writes must not get into the answer to the next request.
type answer struct {
	header http.Header

	mu sync.Mutex // guards following
	w  *response  // nil once the handler has returned
}

// errAnswered is what is said to whom the handler has left behind.
var errAnswered = errors.New("plain: the request has been answered")

// over ends it.
func (a *answer) over() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.w = nil
}

// Header is the header of the answer.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader says how the answer begins.
func (a *answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.w != nil {
		a.w.WriteHeader(status)
	}
}

// Write takes a part of the body.
func (a *answer) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.w == nil {
		return 0, errAnswered
	}
	return a.w.Write(p)
}

// FlushError sends what there is.
func (a *answer) FlushError() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.w == nil {
		return errAnswered
	}
	return a.w.FlushError()
}

// Flush is FlushError for who does not want to know.
func (a *answer) Flush() { _ = a.FlushError() }

// SetWriteDeadline bounds the writes.
func (a *answer) SetWriteDeadline(t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.w == nil {
		return errAnswered
	}
	return a.w.conn.SetWriteDeadline(t)
}

// response makes one answer at a time. What is written is held back until it is longer than heldMost, flushed or complete, so
// that an answer whose length its handler does not tell has it told all the same.
type response struct {
	conn   *conn
	to     *bufio.Writer
	header http.Header

	status  int   // 0 until the handler has told it
	length  int64 // of the body, as the handler tells it; -1 where it does not
	written int64 // of the body
	typed   bool  // the handler has said of what type the body is, or that it is compressed
	dated   bool  // it has said when
	framed  bool  // the head is written to its end
	chunked bool  // the body goes in chunks
	last    bool  // the connection ends with this answer
	held    []byte
}

// heldMost is how much of a body is held back, as in net/http.
const heldMost = 2 << 10

var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 4<<10) }}

// begin makes w ready for a request.
func (w *response) begin(c *conn) *answer {
	to := writers.Get().(*bufio.Writer)
	to.Reset(c)
	*w = response{conn: c, to: to, header: make(http.Header, 8), length: -1, held: w.held[:0]}
	return &answer{header: w.header, w: w}
}

// WriteHeader says how the answer begins.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 { // a word in between is nothing that the client has to have
		return
	}
	w.status = status
	b := w.to.AvailableBuffer()
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	if text := http.StatusText(status); text != "" {
		b = append(b, text...)
	} else {
		b = append(b, "status code "...)
		b = strconv.AppendInt(b, int64(status), 10)
	}
	b = append(b, lineEnd...)
	var room [16]string
	keys := room[:0]
	for k := range w.header {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b = w.appendField(b, k, w.header[k])
	}
	_, _ = w.to.Write(b) // the writer keeps its error until it is flushed
}

// appendField writes a field of the handler's, except for those that frame tells.
func (w *response) appendField(b []byte, key string, values []string) []byte {
	switch {
	case key == "Content-Length" && len(values) > 0 && w.mayHaveBody():
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil && n >= 0 {
			w.length = n
		}
		return b
	case key == "Content-Length" || key == "Content-Type" && w.status == http.StatusNotModified:
		return b
	case key == "Transfer-Encoding" || key == "Trailer" || key == "Connection":
		w.last = w.last || key == "Connection" && len(values) > 0 && strings.EqualFold(values[0], "close")
		return b
	case key == "Content-Type":
		w.typed = true
	case key == "Content-Encoding":
		w.typed = w.typed || len(values) > 0 && values[0] != ""
	case key == "Date":
		w.dated = true
	case !isToken(key): // a trailer, for one
		return b
	}
	for _, v := range values {
		b = append(b, key...)
		b = append(b, ": "...)
		b = appendValue(b, v)
		b = append(b, lineEnd...)
	}
	return b
}

// isToken reports whether s can be the name of a field.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetterOrDigit(c) && strings.IndexByte("-!#$%&'*+.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// appendValue writes a value in one line, whatever is in it.
func appendValue(b []byte, v string) []byte {
	n := len(b)
	b = append(b, strings.Trim(v, " \t\r\n")...)
	for i := n; i < len(b); i++ {
		if b[i] == '\r' || b[i] == '\n' {
			b[i] = ' '
		}
	}
	return b
}

// frame ends the head. body is the beginning of the body, all of it where whole says so.
func (w *response) frame(body []byte, whole bool) {
	w.framed = true
	b := w.to.AvailableBuffer()
	switch {
	case !w.mayHaveBody():
	case w.length < 0 && !whole:
		w.chunked = true
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	default:
		if w.length < 0 {
			w.length = int64(len(body))
		}
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, w.length, 10)
		b = append(b, lineEnd...)
	}
	if !w.typed && len(body) > 0 {
		b = append(b, "Content-Type: "...)
		b = append(b, http.DetectContentType(body)...)
		b = append(b, lineEnd...)
	}
	if !w.dated {
		b = append(b, "Date: "...)
		b = append(b, date()...)
		b = append(b, lineEnd...)
	}
	if w.last = w.last || w.conn.server.closing.Load(); w.last {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, lineEnd...)
	_, _ = w.to.Write(b)
}

// mayHaveBody is whether there is a body to an answer of this status.
func (w *response) mayHaveBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified
}

// Write takes a part of the body.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case len(p) == 0:
		return 0, nil
	case !w.mayHaveBody():
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	}
	w.written += int64(len(p))
	if !w.framed {
		if w.length < 0 && len(w.held)+len(p) <= heldMost {
			w.held = append(w.held, p...)
			return len(p), nil
		}
		if len(w.held) > 0 {
			w.frame(w.held, false)
			w.body(w.held)
		} else {
			w.frame(p, false)
		}
	}
	return w.body(p)
}

// body writes a part of the body behind the head.
func (w *response) body(p []byte) (int, error) {
	if !w.chunked {
		return w.to.Write(p)
	}
	b := strconv.AppendInt(w.to.AvailableBuffer(), int64(len(p)), 16)
	_, _ = w.to.Write(append(b, lineEnd...))
	n, err := w.to.Write(p)
	_, _ = w.to.WriteString(lineEnd)
	return n, err
}

// FlushError sends what there is.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.framed {
		w.frame(w.held, false)
		if len(w.held) > 0 {
			_, _ = w.body(w.held)
		}
	}
	return w.to.Flush()
}

// end sends the rest of the answer, and reports whether the connection can have another one.
func (w *response) end() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.framed {
		w.frame(w.held, true)
		_, _ = w.to.Write(w.held)
	}
	if w.chunked {
		_, _ = w.to.WriteString("0\r\n\r\n")
	}
	err := w.to.Flush()
	return err == nil && !w.last && (w.length < 0 || w.written == w.length)
}

// release gives back what w has for one answer alone.
func (w *response) release() {
	w.to.Reset(io.Discard)
	writers.Put(w.to)
	w.to = nil
}

// stamp is a second as an answer tells it.
type stamp struct {
	second int64
	text   string
}

var newest atomic.Pointer[stamp]

// date is the time for the field Date, which is the same for all answers of a second.
func date() string {
	now := time.Now()
	s := newest.Load()
	if s == nil || s.second != now.Unix() {
		s = &stamp{now.Unix(), now.UTC().Format(http.TimeFormat)}
		newest.Store(s)
	}
	return s.text
}
