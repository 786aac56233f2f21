package keeper

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/failover/fence"
)

var addr = netip.MustParseAddr("192.0.2.7")

// machine is a directory in which a file stands for an address that the machine has.
type machine struct{ dir string }

func (m machine) file(a netip.Addr) string { return filepath.Join(m.dir, a.String()) }

func (m machine) has(a netip.Addr) bool {
	_, err := os.Stat(m.file(a))
	return err == nil
}

func (m machine) add() []string    { return []string{"touch", m.file(addr)} }
func (m machine) remove() []string { return []string{"rm", m.file(addr)} }

func newLedger(t *testing.T) (*ledger, machine) {
	t.Helper()
	m := machine{t.TempDir()}
	l := &ledger{
		file: filepath.Join(t.TempDir(), ledgerFile), lead: 10 * time.Millisecond, log: slog.New(slog.DiscardHandler), now: fence.Now,
		on: m.has, entries: map[netip.Addr]*entry{},
	}
	return l, m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// TestAnAddressIsThereWhileItsLeaseLasts holds the keeper's whole duty: nothing before a deadline is set, the address while it lies ahead, and
// its removal ahead of it with nobody asking.
func TestAnAddressIsThereWhileItsLeaseLasts(t *testing.T) {
	l, m := newLedger(t)
	must(t, l.manage(addr, m.add(), m.remove()))
	if m.has(addr) {
		t.Fatal("an address that may not be served yet is on the machine")
	}
	deadline := fence.Now().Add(2 * time.Second) // for a command, on a busy machine
	must(t, l.set(addr, deadline))
	if !m.has(addr) && fence.Now() < deadline {
		t.Fatal("the address may be served, and is not on the machine")
	}
	eventually(t, "the address is gone", func() bool { return !m.has(addr) })
	if late := fence.Now().Sub(deadline); late < -l.lead-500*time.Millisecond {
		t.Errorf("removed %s too early", -late)
	}
}

func TestALeaseIsProlongedAndShut(t *testing.T) {
	l, m := newLedger(t)
	must(t, l.manage(addr, m.add(), m.remove()))
	first := fence.Now().Add(2 * time.Second) // for a command, on a busy machine
	must(t, l.set(addr, first))
	must(t, l.set(addr, fence.Now().Add(time.Hour)))
	if l.last() < fence.Now().Add(time.Minute) {
		t.Fatal("the later deadline does not count")
	}
	eventually(t, "the timer of the first deadline has had its chance", func() bool { return fence.Now() > first.Add(100*time.Millisecond) })
	if !m.has(addr) {
		t.Fatal("a lease that was prolonged ended with its first deadline")
	}
	must(t, l.set(addr, 0))
	if m.has(addr) {
		t.Fatal("shut, and still on the machine")
	}
}

// TestALateWordOpensNothing: a daemon that stood still says what was true once.
func TestALateWordOpensNothing(t *testing.T) {
	l, m := newLedger(t)
	must(t, l.manage(addr, m.add(), m.remove()))
	must(t, l.set(addr, fence.Now().Add(-time.Millisecond)))
	must(t, l.set(addr, fence.Now().Add(l.lead/2))) // not enough left to remove it in time
	if m.has(addr) {
		t.Fatal("a deadline that has passed opened the address")
	}
}

// TestACommandThatHangsIsCutShort: it must not add the address after the lease.
func TestACommandThatHangsIsCutShort(t *testing.T) {
	l, m := newLedger(t)
	must(t, l.manage(addr, []string{"sh", "-c", "sleep 60; touch " + m.file(addr)}, m.remove()))
	start := time.Now()
	err := l.set(addr, fence.Now().Add(300*time.Millisecond))
	if err == nil || !strings.Contains(err.Error(), "failed") {
		t.Errorf("a command that hangs was a success: %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("waited %s for it", took)
	}
}

// TestRemovalIsTriedAgain: the command fails until the operator has mended it.
func TestRemovalIsTriedAgain(t *testing.T) {
	l, m := newLedger(t)
	broken := filepath.Join(t.TempDir(), "broken")
	must(t, os.WriteFile(broken, nil, 0o600))
	must(t, l.manage(addr, m.add(), []string{"sh", "-c", fmt.Sprintf("test ! -e %s && rm %s", broken, m.file(addr))}))
	must(t, l.set(addr, fence.Now().Add(time.Hour)))
	if err := l.set(addr, 0); err == nil {
		t.Fatal("a command that failed was a success")
	}
	must(t, os.Remove(broken))
	eventually(t, "the address is gone", func() bool { return !m.has(addr) })
}

// TestAKilledKeepersAddressesAreRemoved: nobody knows until when they may be served.
func TestAKilledKeepersAddressesAreRemoved(t *testing.T) {
	l, m := newLedger(t)
	must(t, l.manage(addr, m.add(), m.remove()))
	must(t, l.set(addr, fence.Now().Add(time.Hour)))
	next := &ledger{file: l.file, lead: l.lead, log: l.log, now: l.now, on: l.on, entries: map[netip.Addr]*entry{}}
	must(t, next.load())
	if m.has(addr) {
		t.Fatal("the address of a keeper that was killed is still on the machine")
	}
	if _, known := next.deadlines()[addr]; !known {
		t.Error("and nobody can be told of it")
	}
	must(t, next.forget(addr))
	if len(next.deadlines()) != 0 {
		t.Error("forgotten, and still managed")
	}
}

// TestPutBack: what something else removed is there again with the next word.
func TestPutBack(t *testing.T) {
	l, m := newLedger(t)
	must(t, l.manage(addr, m.add(), m.remove()))
	must(t, l.set(addr, fence.Now().Add(time.Hour)))
	must(t, os.Remove(m.file(addr)))
	must(t, l.manage(addr, m.add(), m.remove()))
	if !m.has(addr) {
		t.Fatal("not put back")
	}
	must(t, l.set(addr, 0))
}
