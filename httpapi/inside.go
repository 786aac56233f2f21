package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Inside asks an API from inside of its process, without a connection: what it answers is what a client would be answered.
type Inside struct{ api http.Handler }

// NewInside makes an Inside of New's handler.
func NewInside(api http.Handler) Inside { return Inside{api} }

// Ask answers one GET. found is false where the API answers 404; any other answer that is not 200 is an error with its sentence.
func (i Inside) Ask(ctx context.Context, path string, query url.Values) (body []byte, index uint64, found bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, 0, false, err
	}
	a := &answer{header: http.Header{}, status: http.StatusOK}
	i.api.ServeHTTP(a, r)
	switch {
	case ctx.Err() != nil:
		return nil, 0, false, ctx.Err()
	case a.status != http.StatusOK && a.status != http.StatusNotFound:
		return nil, 0, false, errors.New(strings.TrimSpace(a.body.String()))
	}
	index, err = strconv.ParseUint(a.header.Get("X-Consul-Index"), 10, 64)
	if err != nil { // what has no index is no answer of an endpoint that can be waited for
		return nil, 0, false, errors.New(strings.TrimSpace(a.body.String()))
	}
	return a.body.Bytes(), index, a.status == http.StatusOK, nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is what the answer's headers are set in.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader takes the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write takes a part of the body.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
