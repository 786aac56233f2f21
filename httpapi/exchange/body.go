package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
	"unicode/utf8"

	"holdfast/cluster"
)

const (
	maxBody     = 1 << 20          // of JSON
	maxObjects  = 16 << 10         // in it: an empty one has 2 bytes here and hundreds once it is decoded
	bodyTimeout = 30 * time.Second // for the whole body, where the Config says nothing
)

// beginBody gives a body its time to arrive. Whoever has read it whole ends that. Where nobody does, net/http takes what is left of the body
// before it sends the answer, and must not wait for it for ever.
func beginBody(w http.ResponseWriter, limit time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(limit)) // in tests without a connection there is none
}

// endBody says that the body has been read whole: the connection may be silent from now on.
func endBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// skipBody reads the body of a request that should have none: only behind it does the server see that the client hangs up.
func (r *Request) skipBody() error {
	if r.ContentLength == 0 {
		return nil
	}
	_, err := r.ReadBody(maxBody, "the body, which "+r.Method+" does not want,")
	return err
}

// ReadBody reads the whole body, which must arrive in time and be no longer than limit.
func (r *Request) ReadBody(limit int, what string) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return nil, cluster.Errorf(cluster.TooLarge, "%s has %d bytes: at most %d are allowed", what, r.ContentLength, limit)
	}
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(r.w, r.Body, int64(limit)))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, cluster.Errorf(cluster.TooLarge, "%s has more than %d bytes: that is the most that is allowed", what, limit)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &statusError{http.StatusRequestTimeout, cluster.Errorf(cluster.Invalid, "the body did not arrive whole within %s", r.bodyTime)}
	case err != nil:
		return nil, cluster.Errorf(cluster.Invalid, "the body did not arrive whole: %v", err)
	}
	endBody(r.w)
	r.body = b.Bytes()
	return r.body, nil
}

// LongBody is a body of any length. It may take as long as it goes on arriving.
func (r *Request) LongBody() io.Reader { return &arriving{r} }

// arriving gives each part of a body its time.
type arriving struct{ r *Request }

func (a *arriving) Read(p []byte) (int, error) {
	beginBody(a.r.w, a.r.bodyTime)
	n, err := a.r.Body.Read(p)
	if errors.Is(err, io.EOF) {
		endBody(a.r.w)
	}
	return n, err
}

// Decode reads the body as JSON into v. A field that is not known is refused: a misspelt one would be lost without a word.
func (r *Request) Decode(v any) error {
	b, err := r.ReadBody(maxBody, "the body")
	if err != nil {
		return err
	}
	return DecodeStrict(b, v)
}

// DecodeOptional is decode for requests that may come without a body.
func (r *Request) DecodeOptional(v any) error {
	b, err := r.ReadBody(maxBody, "the body")
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return err
	}
	return DecodeStrict(b, v)
}

// DecodeLoosely is DecodeOptional for the requests in whose bodies Consul passes over fields that it does not know.
func (r *Request) DecodeLoosely(v any) error {
	b, err := r.ReadBody(maxBody, "the body")
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return err
	}
	return decodeOne(b, json.NewDecoder(bytes.NewReader(b)), v)
}

// DecodeStrict decodes one JSON value, and refuses fields that are not known and whatever comes after it.
func DecodeStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return decodeOne(b, d, v)
}

// decodeOne decodes the one value that b holds. What is no UTF-8 would be replaced without a word, and another name be written.
func decodeOne(b []byte, d *json.Decoder, v any) error {
	if !utf8.Valid(b) {
		return cluster.Errorf(cluster.Invalid, "Request decode failed: the body is not valid UTF-8 from its byte %d on", invalidAt(b))
	}
	if n := objectsIn(b); n > maxObjects {
		return cluster.Errorf(cluster.TooLarge, "Request decode failed: the body has %d JSON objects: at most %d are allowed", n, maxObjects)
	}
	if err := d.Decode(v); err != nil {
		return DecodeError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return cluster.Errorf(cluster.Invalid, "Request decode failed: there is more after the JSON value")
	}
	return nil
}

// invalidAt is the place of the first byte that is no UTF-8.
func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		c, size := utf8.DecodeRune(b[i:])
		if c == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}

// objectsIn counts the JSON objects of a body.
func objectsIn(b []byte) (n int) {
	text := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			text = !text
		case c == '\\' && text:
			i++
		case c == '{' && !text:
			n++
		}
	}
	return n
}
