package check

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"holdfast/cluster"
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

// TestOSService asks over a real bus.
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
