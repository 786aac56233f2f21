package agent_test

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/cluster/agent"
	"holdfast/cluster/clustertest"
)

// TestAShorterLease holds that a member which is started again with a shorter lease waits for those of before, and a third time only where it was stopped
// before they were over.
func TestAShorterLease(t *testing.T) {
	dir := t.TempDir()
	const long, short = 4 * time.Second, 500 * time.Millisecond
	open := func(leaseEnd time.Duration) *agent.Agent {
		t.Helper()
		local := netip.MustParseAddr("127.0.0.1")
		a := agent.New(agent.Config{
			Name: "n1", Datacenter: "dc1", Build: "1.21.4:test", Version: "test", DataDir: dir, Bind: local, Advertise: local, Server: true, BootstrapExpect: 1,
			LeaseTTL: leaseEnd, LeaseEnd: leaseEnd,
		}, slog.New(slog.DiscardHandler))
		if err := a.Open(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
		return a
	}
	older := func(a *agent.Agent) (left time.Duration) {
		t.Helper()
		clustertest.Wait(t, "it leads and knows of older leases", func() bool {
			var err error
			left, err = a.OlderLeases(t.Context())
			return err == nil
		})
		return left
	}
	first := open(long)
	older(first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	second := open(short)
	if left := older(second); left+time.Since(began) < long {
		t.Errorf("leases of before may live for %s after the restart, and it waits for %s", long, left+time.Since(began))
	}
	clustertest.Wait(t, "they are over, and forgotten", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "promises.json"))
		return err == nil && strings.Contains(string(b), strconv.Itoa(int(short))) && older(second) == 0
	})
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if left := older(open(short)); left > short {
		t.Errorf("it waits %s, %s after its start, for leases of %s", left, time.Since(began), short)
	}
}
