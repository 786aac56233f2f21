package exchange

import (
	"context"
	"net/http"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// net/http ends the context of a request when it reads the end of the client's side of the connection. For a read that waits for news that is
// right: most likely nobody is there any more. But a client may also have closed its own direction alone, having said everything, and wait for
// the answer. So whatever does not wait for news is worked on for a while.

// hangUpGrace is that while. It is longer than anything that does not wait for news takes.
const hangUpGrace = 10 * time.Second

// serverKey is where ServerContext keeps the server's context.
type serverKey struct{}

// ServerContext makes the context of a server into the one of its requests. What is worked on patiently ends with it at once.
func ServerContext(ctx context.Context) context.Context {
	return context.WithValue(ctx, serverKey{}, ctx)
}

// serverOf is the context of the server that a request came to, one that never ends where there is none.
func serverOf(ctx context.Context) context.Context {
	if server, ok := ctx.Value(serverKey{}).(context.Context); ok {
		return server
	}
	return context.Background()
}

// patient is ctx, except that it ends hangUpGrace later, or with the server.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	p, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		grace := time.NewTimer(hangUpGrace)
		defer grace.Stop()
		select {
		case <-grace.C:
		case <-serverOf(ctx).Done():
		case <-p.Done():
		}
		cancel()
	})
	return p, func() { stop(); cancel() }
}

// patiently gives a request that writes a patient context.
func patiently(r *http.Request) (*http.Request, context.CancelFunc) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r, func() {}
	}
	ctx, cancel := patient(r.Context())
	return r.WithContext(ctx), cancel
}

// PatientReader is a Reader whose reads go on after a client has closed its side, unless they wait for news.
func PatientReader(r Reader) Reader { return patientReader{r} }

type patientReader struct{ reader Reader }

// Query reads once more where the end of the context was in the way. That is rare, and costs the others nothing.
func (p patientReader) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	meta, err := p.reader.Query(ctx, opts, fn)
	if err == nil || ctx.Err() == nil || opts.MinIndex > 0 {
		return meta, err
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	return p.reader.Query(ctx, opts, fn)
}
