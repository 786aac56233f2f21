package exchange

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Stream is a body that is sent while it comes about. It ends when it returns, which it does soon after ctx ends: the client has hung up,
// or the server is closing. What it writes is sent at once; with nothing written, the head is.
type Stream func(ctx context.Context, w io.Writer) error

// stream sends the reply's stream.
func (p *Reply) stream(w http.ResponseWriter, r *Request) error {
	p.head(w.Header())
	rc := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return rc.Flush()
	}
	defer func() { _ = rc.SetWriteDeadline(time.Time{}) }() // it is the connection's
	return p.Stream(r.Context(), &flushing{w, rc})
}

// flushing writes through to the client, which may take its time, but not for ever.
type flushing struct {
	w  io.Writer
	rc *http.ResponseController
}

func (f *flushing) Write(b []byte) (int, error) {
	_ = f.rc.SetWriteDeadline(time.Now().Add(slowWriteLimit)) // in tests without a connection there is none
	n, err := f.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, f.rc.Flush()
}
