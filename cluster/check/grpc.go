package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"holdfast/cluster"
)

// grpc asks a server's health service (grpc.health.v1.Health, https://github.com/grpc/grpc/blob/master/doc/health-checking.md). SERVING is
// passing, all else critical. One call with a message of one field is little enough to be spoken here, rather than by a library that
// would weigh a sixth of the binary.
type grpc struct {
	target  string // as given
	url     string
	service string
	tls     func() *tls.Config // nil for plain HTTP/2
}

func newGRPC(d cluster.CheckDefinition, identity Identity) *grpc {
	addr, service, _ := strings.Cut(d.GRPC, "/")
	g := &grpc{target: d.GRPC, service: service}
	u := url.URL{Scheme: "http", Host: addr, Path: "/grpc.health.v1.Health/Check"}
	if d.GRPCUseTLS {
		u.Scheme, g.tls = "https", identity.speaks(d)
	}
	g.url = u.String()
	return g
}

// client makes one call, on a connection of its own.
func (g *grpc) client() *http.Client {
	var protocols http.Protocols
	t := &http.Transport{DisableKeepAlives: true, Protocols: &protocols}
	if g.tls == nil {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP2(true)
		t.TLSClientConfig = g.tls()
	}
	return &http.Client{Transport: t}
}

func (g *grpc) probe(ctx context.Context) Result {
	status, err := g.ask(ctx)
	switch {
	case err != nil:
		return Result{cluster.Critical, fmt.Sprintf("gRPC check %s: %v", g.target, err)}
	case status == serving:
		return Result{cluster.Passing, fmt.Sprintf("gRPC check %s: success", g.target)}
	}
	return Result{cluster.Critical, fmt.Sprintf("gRPC check %s: the server says %s", g.target, servingName(status))}
}

// The serving statuses of the health protocol.
const serving = 1

var servingNames = [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

func servingName(status uint64) string {
	if status < uint64(len(servingNames)) {
		return servingNames[status]
	}
	return fmt.Sprintf("status %d", status)
}

// ask makes the call and answers the status.
func (g *grpc) ask(ctx context.Context) (uint64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(healthRequest(g.service)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	resp, err := g.client().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the server answers %s: it does not speak gRPC there", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHealthResponse)) // the trailers come after it
	if err != nil {
		return 0, err
	}
	code, text := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if code == "" { // an answer of headers alone
		code, text = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	if code != "0" {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
		return 0, fmt.Errorf("the call failed with code %q: %s", code, text)
	}
	return healthResponse(body)
}

const maxHealthResponse = 64 << 10

// healthRequest is a HealthCheckRequest, framed: its one field, number 1, is the service.
func healthRequest(service string) []byte {
	var m []byte
	if service != "" {
		m = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service))), service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...) //nolint:gosec // it is short
}

var errHealthResponse = errors.New("the answer cannot be read as one of the health protocol")

// healthResponse reads a framed HealthCheckResponse: its one field, number 1, is the status. Other fields are skipped.
func healthResponse(b []byte) (uint64, error) {
	if len(b) < 5 || b[0] != 0 || uint64(binary.BigEndian.Uint32(b[1:])) != uint64(len(b)-5) {
		return 0, errHealthResponse
	}
	status, m := uint64(0), b[5:]
	for len(m) > 0 {
		key, n := binary.Uvarint(m)
		if n <= 0 {
			return 0, errHealthResponse
		}
		m = m[n:]
		value, n := binary.Uvarint(m) // of a string, its length
		switch {
		case key&7 == 5 && len(m) >= 4:
			m = m[4:]
		case key&7 == 1 && len(m) >= 8:
			m = m[8:]
		case n <= 0:
			return 0, errHealthResponse
		case key&7 == 0:
			if m = m[n:]; key>>3 == 1 {
				status = value
			}
		case key&7 == 2 && value <= uint64(len(m)-n):
			m = m[n+int(value):] //nolint:gosec // it is bounded by the line above
		default:
			return 0, errHealthResponse
		}
	}
	return status, nil
}
