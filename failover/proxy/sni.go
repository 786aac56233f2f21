package proxy

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// maxHello is how much a TLS client may say before it has named its server.
const maxHello = 64 << 10

var errHeard = errors.New("the hello was heard")

// serverName reads the hello of a TLS client, and answers the name in it ("" for none) with all that was read. The parser is that of
// crypto/tls: it is given the client's words and nobody hears its answer.
func serverName(r io.Reader) (name string, read []byte, err error) {
	var heard bytes.Buffer
	listener := &tls.Config{MinVersion: tls.VersionTLS10, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { //nolint:gosec // nothing is negotiated
		name = strings.ToLower(strings.TrimSuffix(h.ServerName, "."))
		return nil, errHeard
	}}
	err = tls.Server(mute{io.TeeReader(io.LimitReader(r, maxHello), &heard)}, listener).Handshake()
	if !errors.Is(err, errHeard) {
		return "", heard.Bytes(), fmt.Errorf("read the TLS hello: %w", err)
	}
	return name, heard.Bytes(), nil
}

// mute is a connection that is only listened to.
type mute struct{ io.Reader }

func (mute) Write(b []byte) (int, error)      { return len(b), nil }
func (mute) Close() error                     { return nil }
func (mute) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (mute) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (mute) SetDeadline(time.Time) error      { return nil }
func (mute) SetReadDeadline(time.Time) error  { return nil }
func (mute) SetWriteDeadline(time.Time) error { return nil }

// match is the route for a server name: the name itself, else the longest "*.domain" that it lies in, else "".
func (t *table) match(name string) string {
	if _, ok := t.pools[name]; ok {
		return name
	}
	for rest := name; ; {
		_, parent, ok := strings.Cut(rest, ".")
		if !ok {
			return ""
		}
		if _, ok := t.pools["*."+parent]; ok {
			return "*." + parent
		}
		rest = parent
	}
}
