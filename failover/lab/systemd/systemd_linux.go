package systemd

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	bus "github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

//go:embed boot.sh
var boot string

// binary is systemd, which no distribution has in PATH.
const binary = "/usr/lib/systemd/systemd"

// A busConfig lets everyone do everything: who reaches the socket is root.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>systemd:</listen>
  <policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow user="*"/></policy>
</busconfig>
`

// own are the units that systemd itself needs. It turns to the bus once dbus.socket and dbus.service run.
var own = map[string]string{
	"default.target":  "[Unit]\nDefaultDependencies=no\nRequires=dbus.service\nAfter=dbus.service\n",
	"sysinit.target":  "[Unit]\nDefaultDependencies=no\n",
	"basic.target":    "[Unit]\nDefaultDependencies=no\n",
	"shutdown.target": "[Unit]\nDefaultDependencies=no\n",
	"dbus.socket":     "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
	"dbus.service": "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\nAfter=dbus.socket\n" +
		"[Service]\nExecStart=/usr/bin/dbus-daemon --config-file=/etc/bus.conf --nofork --nopidfile\nStandardError=file:/run/bus.log\n",
}

// Systemd is one systemd and what it keeps.
type Systemd struct {
	dir, cgroup string
	end         func() // of the process, if Open has started it
}

// Missing says in a sentence why no systemd can be run here, "" if it can.
func Missing(ctx context.Context) string {
	if os.Geteuid() != 0 {
		return "a systemd of one's own needs root"
	}
	for _, p := range []string{binary, "dbus-daemon", "unshare", "mount"} {
		if _, err := exec.LookPath(p); err != nil {
			return p + " is not installed"
		}
	}
	try := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--fork", "--cgroup", "mount", "-t", "cgroup2", "none", "/mnt")
	if out, err := try.CombinedOutput(); err != nil {
		return "a systemd of one's own needs control groups of version 2 in a namespace: " + strings.TrimSpace(string(out))
	}
	return ""
}

// New describes a systemd with units: their files, by name.
func New(units map[string]string) (*Systemd, error) {
	dir, err := os.MkdirTemp("", "systemd") // a short path: that of a socket may have 107 bytes
	if err != nil {
		return nil, fmt.Errorf("systemd's directory: %w", err)
	}
	s := &Systemd{dir: dir, cgroup: "holdfast-" + filepath.Base(dir), end: func() {}}
	if err := s.write(units); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Systemd) write(units map[string]string) error {
	for _, d := range []string{"cgroup", "etc", "run", "units"} {
		if err := os.Mkdir(filepath.Join(s.dir, d), 0o755); err != nil { //nolint:gosec // as on any machine
			return fmt.Errorf("systemd's directory: %w", err)
		}
	}
	files := map[string]string{"etc/bus.conf": busConfig, "etc/machine-id": strings.Repeat("1", 32) + "\n"}
	for _, f := range []string{"passwd", "group", "nsswitch.conf", "ld.so.cache"} {
		b, _ := os.ReadFile(filepath.Join("/etc", f)) // one that is not there is not needed
		files["etc/"+f] = string(b)
	}
	for _, set := range []map[string]string{own, units} {
		for name, text := range set {
			files["units/"+name] = text
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // nothing secret
			return fmt.Errorf("systemd's files: %w", err)
		}
	}
	return nil
}

// Open runs it on this machine, until Close.
func (s *Systemd) Open() error {
	argv := s.Argv()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // with its thread the process would die
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("run systemd: %w", err)
	}
	s.end = func() { _ = cmd.Process.Kill(); <-ended }
	return nil
}

// Argv is the program that is to be run: it is this systemd, and ends it.
func (s *Systemd) Argv() []string {
	return []string{"unshare", "--mount", "sh", "-c", boot, "boot", s.dir, s.cgroup, binary}
}

// Run is the directory that it sees as /run. Where it is bound to /run, the bus is where programs look for it by themselves.
func (s *Systemd) Run() string { return s.dir + "/run" }

// Address is what DBUS_SYSTEM_BUS_ADDRESS must be for those who are to speak to it.
func (s *Systemd) Address() string { return "unix:path=" + s.Run() + "/dbus/system_bus_socket" }

// Await waits until it answers on its bus.
func (s *Systemd) Await(ctx context.Context) error {
	for {
		err := s.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("systemd does not answer: %w; its bus says: %q", err, s.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Connect is a connection to its bus.
func (s *Systemd) Connect(ctx context.Context) (*dbus.Conn, error) {
	return dbus.NewConnection(func() (*bus.Conn, error) { return bus.Connect(s.Address(), bus.WithContext(ctx)) })
}

func (s *Systemd) answers(ctx context.Context) error {
	c, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.SystemStateContext(ctx)
	return err
}

// said is what its bus has complained about.
func (s *Systemd) said() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "run/bus.log"))
	return string(b)
}

// Close ends it, if Open has started it, and removes what is left. A process that somebody else started must have ended before.
func (s *Systemd) Close() error {
	const remove = `mount -t cgroup2 none "$1/cgroup"; cd "$1/cgroup"; [ ! -e "$2" ] || find "$2" -depth -type d -exec rmdir {} +`
	s.end()
	var out []byte
	var err error
	for range 50 { // a control group outlives its last process by a moment
		if out, err = exec.Command("unshare", "--mount", "sh", "-euc", remove, "remove", s.dir, s.cgroup).CombinedOutput(); err == nil {
			return os.RemoveAll(s.dir)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("remove systemd's control groups: %w: %s", err, out)
}
