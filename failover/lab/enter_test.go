//go:build linux

package lab

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/failover/lab/rootless"
)

// unprivilegedVar makes TestMain call Enter first.
const unprivilegedVar = "HOLDFAST_LAB_UNPRIVILEGED"

// needUserNamespaces skips where an ordinary user cannot have one.
func needUserNamespaces(t *testing.T) {
	t.Helper()
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &unix.SysProcAttr{
		Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 65534, HostID: 65534, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 65534, HostID: 65534, Size: 1}},
	}
	if err := cmd.Run(); err != nil {
		t.Skipf("user namespaces are refused here: %v (%s)", err, rootless.Refusal("/", err))
	}
}

// TestUnprivileged runs tests of this package again as an ordinary user: all that a lab does must work in a user namespace.
func TestUnprivileged(t *testing.T) {
	needRoot(t) // to become somebody else
	needUserNamespaces(t)
	cmd := exec.CommandContext(testContext(t), publicCopy(t), "-test.v",
		"-test.run=^(TestFaults|TestPowerLoss|TestInUserNamespace|TestEnterForbidden|TestSlow|TestProbe|TestLabTwoNetworks)$", "-test.skip=^TestProbe$/^(many|known|secret|owner|move|client)")
	cmd.Env = append(os.Environ(), unprivilegedVar+"=1", "TMPDIR=/tmp", "HOME=/")
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"TestFaults", "TestPowerLoss", "TestInUserNamespace", "TestEnterForbidden", "TestProbe/bad_hand-over/IPv6"} {
		if !bytes.Contains(out, []byte("--- PASS: "+name+" ")) {
			t.Errorf("%s has not run:\n%s", name, out)
		}
	}
}

// TestInUserNamespace looks at this process once Enter has done its work.
func TestInUserNamespace(t *testing.T) {
	if os.Getenv(unprivilegedVar) == "" {
		t.Skip("TestUnprivileged runs this as an ordinary user")
	}
	mapping, err := os.ReadFile("/proc/self/uid_map")
	must(t, err)
	if got := strings.Join(strings.Fields(string(mapping)), " "); got != "0 65534 1" {
		t.Errorf("users are mapped as %q, want root to be nobody", got)
	}
	if os.Getuid() != 0 {
		t.Errorf("the user is %d in here", os.Getuid())
	}
	if _, entered, err := Enter(); entered || err != nil {
		t.Errorf("a second Enter: %v, %v", entered, err)
	}
}

// TestEnterForbidden forbids user namespaces below this one, gives up its rights, and wants to be told which setting is in the way.
func TestEnterForbidden(t *testing.T) {
	if os.Getenv(unprivilegedVar) == "" {
		t.Skip("TestUnprivileged runs this as an ordinary user: as root it would change this computer")
	}
	must(t, os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0))
	err := onThread(func() error { // the rights are the thread's
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		t.Setenv("HOLDFAST_LAB_ENTERED", "")
		_, _, err := Enter()
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "make a user namespace: ") || !strings.Contains(err.Error(), "user.max_user_namespaces is 0: set it with") {
		t.Errorf("got %v", err)
	}
}

// TestEnterAsRoot does nothing.
func TestEnterAsRoot(t *testing.T) {
	needRoot(t)
	if code, entered, err := Enter(); code != 0 || entered || err != nil {
		t.Errorf("got %d, %v, %v", code, entered, err)
	}
}

func TestExplain(t *testing.T) {
	if err := explain("make a switch", unix.EPERM); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "make a switch: operation not permitted (") {
		t.Errorf("got %v", err)
	}
	if err := explain("make a switch", unix.EIO); err.Error() != "lab: make a switch: input/output error" {
		t.Errorf("got %v", err)
	}
}
