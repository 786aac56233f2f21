package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"holdfast/cluster"
)

const (
	maxBody     = 1 << 20          // of JSON
	bodyTimeout = 30 * time.Second // for the whole body
)

// ReadBody reads the whole body, which must arrive in time and be no longer than limit.
func (r *Request) ReadBody(limit int, what string) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return nil, cluster.Errorf(cluster.TooLarge, "%s has %d bytes: at most %d are allowed", what, r.ContentLength, limit)
	}
	rc := http.NewResponseController(r.w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // in tests without a connection there is none
	defer func() { _ = rc.SetReadDeadline(time.Time{}) }()
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(r.w, r.Body, int64(limit)))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, cluster.Errorf(cluster.TooLarge, "%s has more than %d bytes: that is the most that is allowed", what, limit)
	}
	if err != nil {
		return nil, cluster.Errorf(cluster.Invalid, "the body did not arrive whole: %v", err)
	}
	return b.Bytes(), nil
}

// LongBody is a body of any length. It may take as long as it goes on arriving.
func (r *Request) LongBody() io.Reader { return &arriving{r.Body, http.NewResponseController(r.w)} }

// arriving gives each part of a body its time.
type arriving struct {
	body io.Reader
	rc   *http.ResponseController
}

func (a *arriving) Read(p []byte) (int, error) {
	_ = a.rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // in tests without a connection there is none
	n, err := a.body.Read(p)
	if err != nil {
		_ = a.rc.SetReadDeadline(time.Time{}) // it is the connection's
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
	return decodeOne(json.NewDecoder(bytes.NewReader(b)), v)
}

// DecodeStrict decodes one JSON value, and refuses fields that are not known and whatever comes after it.
func DecodeStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return decodeOne(d, v)
}

func decodeOne(d *json.Decoder, v any) error {
	if err := d.Decode(v); err != nil {
		return DecodeError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return cluster.Errorf(cluster.Invalid, "Request decode failed: there is more after the JSON value")
	}
	return nil
}
