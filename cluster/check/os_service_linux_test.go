package check

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"holdfast/cluster"
	"holdfast/failover/lab/systemd"
)

func TestJudgeUnit(t *testing.T) {
	for _, x := range []struct {
		load, active string
		want         cluster.Status
	}{
		{"loaded", "active", cluster.Passing},
		{"loaded", "reloading", cluster.Warning},
		{"loaded", "activating", cluster.Warning},
		{"loaded", "deactivating", cluster.Critical},
		{"loaded", "failed", cluster.Critical},
		{"masked", "inactive", cluster.Critical},
		{"not-found", "inactive", cluster.Critical},
		{"", "", cluster.Critical},
	} {
		if r := judgeUnit("a.service", x.load, x.active, "x"); r.Status != x.want || !strings.Contains(r.Output, "a.service") {
			t.Errorf("%s %s: %+v, want %s", x.load, x.active, r, x.want)
		}
	}
}

// manager stands in for systemd on a bus of the test's own.
type manager struct{ active map[string]string }

// bus is the path of a unit, as systemd writes it.
func busPath(unit string) dbus.ObjectPath {
	return dbus.ObjectPath("/org/freedesktop/systemd1/unit/" + strings.ReplaceAll(unit, ".", "_2e"))
}

// GetAll answers the properties of a unit; systemd does so for every name, whether there is such a unit or not.
func (m manager) GetAll(msg dbus.Message, _ string) (map[string]dbus.Variant, *dbus.Error) {
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	for unit, active := range m.active {
		if busPath(unit) == path {
			return map[string]dbus.Variant{"LoadState": dbus.MakeVariant("loaded"), "ActiveState": dbus.MakeVariant(active), "SubState": dbus.MakeVariant("some")}, nil
		}
	}
	return map[string]dbus.Variant{"LoadState": dbus.MakeVariant("not-found"), "ActiveState": dbus.MakeVariant("inactive")}, nil
}

// TestOSService asks over a real bus, also where no systemd can be run.
func TestOSService(t *testing.T) {
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("dbus-daemon is not installed")
	}
	address := "unix:path=" + filepath.Join(t.TempDir(), "bus")
	start(t, daemon, "--session", "--nofork", "--nopidfile", "--address="+address)
	var conn *dbus.Conn
	for deadline := time.Now().Add(limit); conn == nil; pauseFor(t, 10*time.Millisecond) {
		if conn, err = dbus.Connect(address); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = conn.Close() })
	m := manager{map[string]string{"good.service": "active", "bad.service": "failed", "up.socket": "activating"}}
	for _, unit := range []string{"good.service", "bad.service", "up.socket", "none.service"} {
		if err := conn.Export(m, busPath(unit), "org.freedesktop.DBus.Properties"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	for _, x := range []row{
		{"active", cluster.CheckDefinition{OSService: "good"}, cluster.Passing, "the unit good.service is active (some)"},
		{"failed", cluster.CheckDefinition{OSService: "bad.service"}, cluster.Critical, "the unit bad.service is failed"},
		{"on its way", cluster.CheckDefinition{OSService: "up.socket"}, cluster.Warning, "activating"},
		{"unknown", cluster.CheckDefinition{OSService: "none"}, cluster.Critical, "systemd knows no unit none.service"},
	} {
		x.try(t, limit)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/does/not/exist")
	row{"no bus", cluster.CheckDefinition{OSService: "good"}, cluster.Critical, "systemd cannot be asked about the unit good.service"}.try(t, limit)
}

// TestOSServiceOfSystemd follows units of a real systemd through what becomes of them.
func TestOSServiceOfSystemd(t *testing.T) {
	if why := systemd.Missing(t.Context()); why != "" {
		t.Skip(why)
	}
	s, err := systemd.New(map[string]string{
		"web.service":   "[Service]\nExecStart=/bin/sleep infinity\n",
		"bad.service":   "[Service]\nExecStart=/bin/false\n",
		"early.service": "[Service]\nType=notify\nExecStart=/bin/sleep infinity\n", // never says that it is there
		"late.service":  "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep infinity\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := withTimeout(t, 2*limit)
	defer cancel()
	if err := s.Await(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := s.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", s.Address())

	results := run(t, cluster.CheckDefinition{ID: "web", OSService: "web", Interval: 10 * time.Millisecond})
	said := func(want cluster.Status, words string) {
		t.Helper()
		if r := await(t, results, want); !strings.Contains(r.Output, words) {
			t.Errorf("%s %q, want %q", r.Status, r.Output, words)
		}
	}
	do := func(_ int, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	said(cluster.Critical, "the unit web.service is inactive (dead)")
	do(c.StartUnitContext(ctx, "web.service", "replace", nil))
	said(cluster.Passing, "the unit web.service is active (running)")
	do(0, c.KillUnitWithTarget(ctx, "web.service", systemdbus.All, 9))
	said(cluster.Critical, "the unit web.service is failed (failed)")
	do(c.StartUnitContext(ctx, "web.service", "replace", nil))
	said(cluster.Passing, "the unit web.service is active (running)")
	do(c.StopUnitContext(ctx, "web.service", "replace", nil))
	said(cluster.Critical, "the unit web.service is ")

	for _, unit := range []string{"bad", "early", "late"} {
		do(c.StartUnitContext(ctx, unit+".service", "replace", nil))
	}
	becomes := func(unit, output string, want cluster.Status) {
		t.Helper()
		results := run(t, cluster.CheckDefinition{ID: unit, OSService: unit, Interval: 10 * time.Millisecond})
		for deadline, r := time.Now().Add(limit), (Result{}); r.Status != want || r.Output != output; {
			if r = <-results; time.Now().After(deadline) {
				t.Fatalf("%s: %+v, want %s %q", unit, r, want, output)
			}
		}
	}
	for _, x := range []struct {
		unit, output string
		want         cluster.Status
	}{
		{"bad", "the unit bad.service is failed (failed)", cluster.Critical},
		{"early", "the unit early.service is activating (start)", cluster.Warning},
		{"late", "the unit late.service is active (running)", cluster.Passing},
		{"none", "systemd knows no unit none.service", cluster.Critical},
	} {
		becomes(x.unit, x.output, x.want)
	}
	do(c.StopUnitContext(ctx, "late.service", "replace", nil))
	becomes("late", "the unit late.service is deactivating (stop)", cluster.Critical)

	// Process checks ask for the main process, whose number here is that of systemd's own namespace.
	web := &unit{name: "web.service"}
	if _, _, err := web.find(ctx); err == nil || err.Error() != "the unit web.service is not running" {
		t.Errorf("a unit that does not run: %v", err)
	}
	do(c.StartUnitContext(ctx, "web.service", "replace", nil))
	for deadline := time.Now().Add(limit); ; pauseFor(t, 10*time.Millisecond) {
		if pid, what, err := web.find(ctx); err == nil && pid > 1 && strings.HasSuffix(what, " of unit web.service") {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("process %d, %q: %v", pid, what, err)
		}
	}
}
