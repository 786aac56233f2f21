package check

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"

	"holdfast/cluster"
)

// httpProbe asks a URL: 2xx is passing, 429 warning, anything else critical. The output is the status line and the body's beginning.
type httpProbe struct {
	definition cluster.CheckDefinition
	tls        func() *tls.Config
}

func newHTTPProbe(d cluster.CheckDefinition, identity Identity) *httpProbe {
	return &httpProbe{definition: d, tls: identity.speaks(d)}
}

// client makes one request, on connections of its own: a server that accepts none is not well.
func (p *httpProbe) client() *http.Client {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: p.tls()}}
	if p.definition.DisableRedirects {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return c
}

func (p *httpProbe) probe(ctx context.Context) Result {
	d := &p.definition
	method := d.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, d.HTTP, strings.NewReader(d.Body))
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	req.Header.Set("User-Agent", "Consul Health Check")
	req.Header.Set("Accept", "text/plain, text/*, */*")
	for k, vs := range d.Header {
		req.Header[http.CanonicalHeaderKey(k)] = vs
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := p.client().Do(req)
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	defer resp.Body.Close()
	body := &capture{limit: outputLimit(*d)}
	_, _ = io.Copy(body, io.LimitReader(resp.Body, 1<<20)) // a body that breaks off does not change the status
	output := fmt.Sprintf("HTTP %s %s: %s Output: %s", method, d.HTTP, resp.Status, body)
	switch {
	case resp.StatusCode/100 == 2:
		return Result{cluster.Passing, output}
	case resp.StatusCode == http.StatusTooManyRequests:
		return Result{cluster.Warning, output}
	}
	return Result{cluster.Critical, output}
}
