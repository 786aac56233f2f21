//go:build linux

package lab

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"holdfast/failover/lab/rootless"
)

// testTimeout bounds every wait of these tests.
const testTimeout = 60 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// needRoot skips where a lab cannot be made at all.
func needRoot(t *testing.T) {
	t.Helper()
	able, err := rootless.Able()
	if err != nil {
		t.Fatal(err)
	}
	if !able {
		t.Skip("this test makes network namespaces: run it as root, with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW")
	}
}

// openLab opens a lab that is closed with the test.
func openLab(t *testing.T, o Options) *Lab {
	t.Helper()
	needRoot(t)
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(testContext(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	return l
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(testTimeout)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", testTimeout, what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// announce tells the network that the machine has the address.
func announce(t *testing.T, m *Machine, vip netip.Addr) {
	t.Helper()
	must(t, m.Announce(vip))
}
