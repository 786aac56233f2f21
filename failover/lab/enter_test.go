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
		t.Skipf("user namespaces are refused here: %v (%s)", err, refusal("/", err))
	}
}

// TestUnprivileged runs tests of this package again as an ordinary user: all that a lab does must work in a user namespace.
func TestUnprivileged(t *testing.T) {
	needRoot(t) // to become somebody else
	needUserNamespaces(t)
	cmd := exec.CommandContext(testContext(t), publicCopy(t), "-test.v",
		"-test.run=^(TestFaults|TestPowerLoss|TestInUserNamespace|TestSlow|TestProbe|TestLabTwoNetworks)$", "-test.skip=^TestProbe$/^(many|known|secret|owner|move|client)")
	cmd.Env = append(os.Environ(), unprivilegedVar+"=1", "TMPDIR=/tmp", "HOME=/")
	cmd.Dir = "/"
	cmd.SysProcAttr = &unix.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"TestFaults", "TestPowerLoss", "TestInUserNamespace", "TestProbe/bad_hand-over/IPv6"} {
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

// TestEnterAsRoot does nothing.
func TestEnterAsRoot(t *testing.T) {
	needRoot(t)
	if code, entered, err := Enter(); code != 0 || entered || err != nil {
		t.Errorf("got %d, %v, %v", code, entered, err)
	}
}

func TestExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 128 + 15} {
		if got, err := exitCode(exec.Command("sh", "-c", script).Run()); got != want || err != nil {
			t.Errorf("%s: %d, %v, want %d", script, got, err, want)
		}
	}
	if _, err := exitCode(errors.New("no such thing")); err == nil {
		t.Error("an error that is no exit passes for one")
	}
}
