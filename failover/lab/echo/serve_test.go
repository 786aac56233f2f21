//go:build linux

package echo

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
)

func nothing() error { return nil }

// TestServeEnds runs the service in this process, on its machine's loopback, and ends it.
func TestServeEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, 0, "here", nothing) }()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	if err := Serve(t.Context(), uint16(port), "here", nothing); err == nil || !strings.Contains(err.Error(), "serve on TCP port "+strconv.Itoa(port)) {
		t.Errorf("a port in use: %v", err)
	}
}
