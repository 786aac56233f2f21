//go:build linux

package lab

import (
	"errors"
	"os"
	"slices"
	"testing"
)

// TestPowerLoss takes the power from an owner and gives it back.
func TestPowerLoss(t *testing.T) {
	l := openStage(t)
	s := watch(t, l, vip4)
	ctx := testContext(t)
	family, err := s.n1.Start(ctx, []string{"sh", "-c", "sleep 86398 & sleep 86398"}, StartOptions{})
	must(t, err)
	eventually(t, "it has children", func() bool { return sleepers(t, "86398") == 2 })

	must(t, s.n1.PowerOff())
	off := s.probe.now()
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

	on := s.probe.now()
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
	i := slices.IndexFunc(r.Outages, func(o Outage) bool { return o.To >= off })
	if i < 0 || r.Outages[i].Before != "n1" || r.Outages[i].From > off || r.Outages[i].To < on {
		t.Errorf("outages %v, want one from the loss of the power, %s at the latest, until after it is back, %s", r.Outages, off, on)
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
