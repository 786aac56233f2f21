package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/failover/fence"
	"holdfast/failover/vip"
)

// asKeeper makes the test binary be the keeper's program.
const asKeeper = "HOLDFAST_TEST_KEEPER"

func TestMain(m *testing.M) {
	if os.Getenv(asKeeper) != "" && len(os.Args) == 2 {
		if err := Serve(context.Background(), os.Args[1], DefaultLead, slog.New(slog.DiscardHandler)); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// startHost starts a host whose keeper is a process of its own, with commands that put no address anywhere.
func startHost(t *testing.T, dir string) *Host {
	t.Helper()
	t.Setenv(asKeeper, "1")
	h := New(Options{Commands: Commands{Add: []string{"true"}, Remove: []string{"true"}}, Dir: dir, Program: []string{os.Args[0]}})
	must(t, h.Start())
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

// TestARestartedDaemonFindsItsKeeper holds that deadlines outlive the daemon, and that one data directory has one keeper.
func TestARestartedDaemonFindsItsKeeper(t *testing.T) {
	dir := t.TempDir()
	first := startHost(t, dir)
	deadline := fence.Now().Add(30 * time.Second)
	must(t, first.Put(vip.Interface{Name: "net0"}, vip.Address{Prefix: netip.PrefixFrom(addr, 24)}, time.Second))
	must(t, first.Open(addr, deadline))
	must(t, first.Close())

	must(t, Serve(t.Context(), dir, DefaultLead, slog.New(slog.DiscardHandler))) // a second one leaves at once
	second := startHost(t, dir)
	d, err := second.Deadline(addr)
	must(t, err)
	if d != deadline {
		t.Errorf("the deadline is %s, want %s", d, deadline)
	}
	must(t, second.Shut(addr))
	must(t, second.Forget(addr))
	if _, err := second.Deadline(addr); !errors.Is(err, fence.ErrNotManaged) {
		t.Errorf("forgotten: %v", err)
	}
	if err := second.Open(addr, deadline); !errors.Is(err, fence.ErrNotManaged) {
		t.Errorf("open of what is not managed: %v", err)
	}
}

func TestCommands(t *testing.T) {
	for _, goos := range []string{"linux", "illumos", "solaris", "freebsd", "darwin"} {
		c, known := DefaultCommands(goos)
		if !known {
			t.Errorf("%s has no commands", goos)
		}
		must(t, c.Validate())
	}
	words, err := render([]string{"ipadm", "{{.Interface}}/{{.Object}}", "{{.Netmask}}", `{{if eq .Family "inet6"}}x{{end}}`}, placeOf(addr, "net0"))
	must(t, err)
	if got := len(words); got != 3 || words[1] != "net0/hf192o0o2o7" || words[2] != "255.255.255.255" {
		t.Errorf("%q", words)
	}
	for _, bad := range []Commands{{}, {Add: []string{"x"}}, {Add: []string{"{{"}, Remove: []string{"x"}}, {Add: []string{"{{.Nothing}}"}, Remove: []string{"x"}}} {
		if bad.Validate() == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzAnswer feeds the keeper whatever a program that found its socket may say.
func FuzzAnswer(f *testing.F) {
	f.Add("set", "192.0.2.7", int64(1))
	f.Add("list", "", int64(0))
	f.Fuzz(func(t *testing.T, do, a string, deadline int64) {
		l, _ := newLedger(t)
		s := &server{ledger: l, log: l.log}
		x, _ := netip.ParseAddr(a)
		r := s.answer(request{Do: do, Addr: x, Deadline: fence.Boottime(deadline)})
		if r.Error == "" && do != "list" {
			t.Errorf("%s of %q was done", do, a)
		}
	})
}

// segment notes what is announced.
type segment struct {
	Segment

	announced []netip.Addr
}

func (s *segment) Announce(_ context.Context, _ vip.Interface, addr netip.Addr, _ int, _ time.Duration) error {
	s.announced = append(s.announced, addr)
	return nil
}

// TestWhatWasRemovedIsNotAnnounced holds that a daemon that stood still does not claim an address that the keeper has taken off the machine meanwhile.
func TestWhatWasRemovedIsNotAnnounced(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	for name, commands := range map[string]Commands{"segment": {}, "command": {Announce: []string{"sh", "-c", "echo {{.Address}} >> " + ran}}} {
		s := &segment{}
		h := New(Options{Commands: commands, Segment: s})
		if err := h.Announce(t.Context(), vip.Interface{Name: "net0"}, addr, 2, 0); err == nil {
			t.Errorf("%s: %s is not on this machine, and was announced", name, addr)
		}
		must(t, h.Announce(t.Context(), vip.Interface{Name: "lo"}, netip.MustParseAddr("127.0.0.1"), 2, 0))
		told := fmt.Sprint(s.announced)
		if name == "command" {
			b, err := os.ReadFile(ran)
			must(t, err)
			told = fmt.Sprint(strings.Fields(string(b)))
		}
		if told != "[127.0.0.1 127.0.0.1]" {
			t.Errorf("%s: announced %s", name, told)
		}
	}
}
