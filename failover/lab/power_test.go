//go:build linux

package lab

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

// TestPowerLoss takes the power from an owner and gives it back.
func TestPowerLoss(t *testing.T) {
	l := openStage(t)
	s := watch(t, l, vip4)
	ctx := testContext(t)
	family, err := s.n1.Start(ctx, []string{"sh", "-c", "sleep 86398 & sleep 86398"}, StartOptions{})
	must(t, err)
	eventually(t, "it has children", func() bool { return sleepers(t, "86398") == 2 })

	before := time.Now()
	must(t, s.n1.PowerOff())
	after := time.Now()
	if s.n1.Powered() {
		t.Error("a machine without power says that it has some")
	}
	select {
	case <-family.Done():
	default:
		t.Error("a process runs without power")
	}
	if n := sleepers(t, "86398"); n != 0 {
		t.Errorf("%d grandchildren run without power", n)
	}
	_, err = s.n1.Start(ctx, []string{"true"}, StartOptions{})
	if !errors.Is(err, errNoPower) {
		t.Errorf("start without power: %v", err)
	}
	if err := s.n1.Do(func() error { return nil }); !errors.Is(err, errNoPower) {
		t.Errorf("do without power: %v", err)
	}
	must(t, s.n1.PowerOff()) // it is off: no error
	must(t, errors.Join(s.n1.Unplug(), s.n1.Plug(), s.n1.Slow(8000), l.Heal()))

	must(t, s.n1.PowerOn(ctx))
	must(t, s.n1.PowerOn(ctx)) // it is on: no error
	if has, err := s.n1.HasAddress(s.vip.Addr()); has || err != nil {
		t.Errorf("the virtual IP has survived a power loss: %v, %v", has, err)
	}
	if has, err := s.n1.HasAddress(s.n1.Addr()); !has || err != nil {
		t.Errorf("the machine came back without its own address: %v, %v", has, err)
	}
	_, err = s.n1.Serve(ctx, DefaultPort)
	must(t, err)
	s.claim(t, s.n1)
	r := s.finish(t, "n1")
	lost := slices.MaxFunc(r.Outages, func(a, b Outage) int { return cmp.Compare(a.Length(), b.Length()) })
	if lost.Before != "n1" || lost.To < after.Sub(r.Began) {
		t.Errorf("the outage is %+v, and must last until the power is back, %s", lost, after.Sub(r.Began))
	}
	if silent := lost.From - before.Sub(r.Began); silent > slack(r) {
		t.Errorf("the machine answered for another %s without power", silent)
	}
}

// sleepers counts the processes of this computer that sleep for exactly so long.
func sleepers(t *testing.T, seconds string) (n int) {
	t.Helper()
	procs, err := os.ReadDir("/proc")
	must(t, err)
	for _, p := range procs {
		line, err := os.ReadFile("/proc/" + p.Name() + "/cmdline")
		if err == nil && string(line) == "sleep\x00"+seconds+"\x00" {
			n++
		}
	}
	return n
}

// TestFaultsOutlivePower powers a machine on again into the cut it had before.
func TestFaultsOutlivePower(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1", "n2"}})
	ctx := testContext(t)
	must(t, l.CutOneWay("n1", "n2"))
	must(t, l.Machine("n2").PowerOff())
	must(t, l.CutOneWay("client", "n2")) // while it is off
	must(t, l.Machine("n2").PowerOn(ctx))
	h := listenAll(t, l)
	h.expect(t, "after the power loss", []string{"client>n1", "n1>client", "n2>client", "n2>n1"})
	must(t, l.Machine("n1").Unplug())
	must(t, l.Machine("n1").PowerOff())
	must(t, l.Machine("n1").PowerOn(ctx))
	if carrier(t, l.Machine("n1"), "eth0") {
		t.Error("the power plugged the cable in")
	}
}

// TestAllLosePower takes the power from all machines at once, as a fuse does.
func TestAllLosePower(t *testing.T) {
	l := openStage(t)
	ctx := testContext(t)
	must(t, l.each((*Machine).PowerOff))
	must(t, l.each(func(m *Machine) error { return m.PowerOn(ctx) }))
	for _, m := range l.Machines() {
		_, err := m.Serve(ctx, DefaultPort)
		must(t, err)
	}
	s := watch(t, l, vip4)
	if r := s.finish(t, "n1"); r.Two != 0 {
		t.Errorf("two at once for %s", r.Two)
	}
}
