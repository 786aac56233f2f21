package watch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"holdfast/cluster"
	"holdfast/failover/program"
)

// post is a URL that results are sent to.
type post struct {
	to     *cluster.WatchHTTP
	client *http.Client
}

func newPost(to *cluster.WatchHTTP) *post {
	return &post{to: to, client: &http.Client{
		Timeout:   cmp.Or(to.Timeout, cluster.DefaultWatchHTTPTimeout),
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: to.TLSSkipVerify}}, //nolint:gosec // the user's own choice
	}}
}

func (p *post) hand(ctx context.Context, r Result) (string, error) {
	req, err := http.NewRequestWithContext(ctx, cmp.Or(p.to.Method, http.MethodPost), p.to.URL, bytes.NewReader(append(bytes.Clone(r.JSON), '\n')))
	if err != nil {
		return "", fmt.Errorf("it cannot be sent: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Consul-Index", strconv.FormatUint(r.Index, 10))
	for k, vs := range p.to.Header {
		for _, v := range vs {
			req.Header.Add(k, v)
		}
		if http.CanonicalHeaderKey(k) == "Host" && len(vs) > 0 {
			req.Host = vs[0]
		}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	out := &program.Tail{Limit: program.MaxOutput}
	_, err = io.Copy(out, io.LimitReader(resp.Body, maxAnswer)) // the client's timeout counts for the body, too
	if err != nil {
		return out.String(), fmt.Errorf("its answer broke off: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return out.String(), fmt.Errorf("it answered %s", resp.Status)
	}
	return out.String(), nil
}

// maxAnswer is how much of a URL's answer is read.
const maxAnswer = 64 << 10

// handler is what results go to. It answers the end of what came back.
type handler interface {
	hand(ctx context.Context, r Result) (output string, err error)
}

func newHandler(w *cluster.Watch) handler {
	if w.HTTP != nil {
		return newPost(w.HTTP)
	}
	return &script{args: w.Args, timeout: w.Timeout}
}
