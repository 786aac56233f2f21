//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/cmd/holdfast/daemontest"
	"holdfast/cmd/holdfast/stage"
)

// TestTLSCluster moves three daemons from plain text to TLS, one after the other and by reloads, while they are written to. Then it takes their leader away twice, killed
// and frozen, and measures until a survivor writes again; and it looks for the line that tells of a connection without TLS.
func TestTLSCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("runs three daemons")
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config, err := stage.TLS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := daemontest.Start(t, daemontest.Options{Command: []string{self}, Env: []string{asHoldfast + "=1"}})
	first := strings.NewReplacer("verify_incoming = true", "verify_incoming = false", "verify_server_hostname = true", "verify_server_hostname = false").Replace(config)
	for _, step := range []string{first, config} {
		for _, m := range c.Members {
			c.Reload(m, step)
			for _, other := range c.Members {
				daemontest.Await(t, other.Member+" writes", func(ctx context.Context) bool {
					_, err := other.Put(ctx, "key", "x", "")
					return err == nil
				})
			}
		}
	}
	for what, fall := range map[string]func(*daemontest.Member){"killed": (*daemontest.Member).Kill, "frozen": (*daemontest.Member).Freeze} {
		leader := c.Leader()
		survivor := c.Others(leader)[0]
		start := time.Now()
		fall(leader)
		daemontest.Await(t, "a survivor writes", func(ctx context.Context) bool {
			_, err := survivor.Put(ctx, "key", what, "")
			return err == nil
		})
		t.Logf("the leader %s, a survivor wrote after %s", what, time.Since(start).Round(time.Millisecond))
		if what == "killed" {
			leader.Start()
		} else {
			leader.Thaw()
		}
		c.AwaitAll()
	}
	m := c.Leader()
	conn, err := net.Dial("tcp", net.JoinHostPort(m.Addr.String(), "8300"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{0xA1}); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("from=%s error=\"it does not speak TLS, which is required here (verify_incoming)", conn.LocalAddr())
	daemontest.Await(t, "the log tells of a plain connection", func(context.Context) bool { return strings.Contains(m.Log(), want) })
}
