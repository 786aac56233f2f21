//go:build linux

package fence

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// without takes capabilities away from the test's thread, which ends with the test.
func without(t testing.TB, capabilities ...int) {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	ok(t, unix.Capget(&header, &have[0]))
	for _, c := range capabilities {
		have[c/32].Effective &^= 1 << (c % 32)
	}
	ok(t, unix.Capset(&header, &have[0]))
}

// TestMissingCapability: what is missing is named, and what to do about it.
func TestMissingCapability(t *testing.T) {
	bpf := []int{unix.CAP_BPF, unix.CAP_SYS_ADMIN}
	all := append(bpf, unix.CAP_NET_ADMIN)
	for _, tt := range []struct {
		driver  string
		missing []int
		says    string
	}{
		{"tcx", all, "lacks CAP_NET_ADMIN and CAP_BPF and CAP_SYS_ADMIN: run the agent as root, or give its unit AmbientCapabilities=CAP_NET_ADMIN CAP_BPF CAP_SYS_ADMIN"},
		{"clsact", []int{unix.CAP_SYS_ADMIN}, "finding an eBPF program again, as a restarted agent must, was refused (operation not permitted): this process lacks CAP_SYS_ADMIN"},
		{"clsact", all, "lacks CAP_NET_ADMIN and CAP_BPF"},
		{"nftables", all, "lacks CAP_NET_ADMIN: run the agent as root, or give its unit AmbientCapabilities=CAP_NET_ADMIN"},
		{"auto", all, "no fence can work here: ebpf/tcx: creating an eBPF map was refused"},
	} {
		t.Run(tt.driver, func(t *testing.T) {
			newLab(t)
			without(t, tt.missing...)
			refuses(t, tt.says, func() error { return supported(tt.driver) })
			refuses(t, tt.says, func() error {
				_, err := New(Options{Driver: tt.driver})
				return err
			})
		})
	}
	t.Run("falls back", func(t *testing.T) {
		l := newLab(t)
		without(t, bpf...)
		ok(t, supported("auto"))
		f := l.newFence(t, "auto")
		for _, part := range []string{"nftables: WEAKER", "passed over: ebpf/tcx: ", "lacks CAP_BPF", "ebpf/clsact: "} {
			if !strings.Contains(f.Describe(), part) {
				t.Errorf("Describe does not say %q: %s", part, f.Describe())
			}
		}
	})
}

func TestBestDriverIsTaken(t *testing.T) {
	l := newLab(t)
	f := l.newFence(t, "")
	if got := f.Driver(); got != "ebpf/tcx" && supported("tcx") == nil {
		t.Errorf("the driver is %s, though tcx would work", got)
	}
	if strings.Contains(f.Describe(), "passed over") || !strings.Contains(f.Describe(), "absolute deadline") {
		t.Errorf("Describe says %q", f.Describe())
	}
}

// TestUserNamespace runs the contract again as root of an unprivileged user
// namespace, where the kernel allows no eBPF.
func TestUserNamespace(t *testing.T) {
	const within = "FENCE_TEST_USER_NAMESPACE"
	if os.Getenv(within) != "" {
		l := newLab(t)
		f := l.newFence(t, "auto")
		if f.Driver() != "nftables" || !strings.Contains(f.Describe(), "root in a user namespace only") {
			t.Errorf("got %s", f.Describe())
		}
		return
	}
	needRoot(t)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^(TestUserNamespace|TestClosedAndOpen|TestTakeover)$/^nftables$")
	child.Env = append(os.Environ(), within+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	out, err := child.CombinedOutput()
	if err != nil || strings.Contains(string(out), "SKIP") || strings.Count(string(out), "--- PASS: ") < 5 {
		t.Errorf("in the user namespace: %v\n%s", err, out)
	}
}

// TestTimeNamespace: where the kernel's clock is not the process's, a deadline
// would mean something else to either, so eBPF is refused.
func TestTimeNamespace(t *testing.T) {
	const within = "FENCE_TEST_TIME_NAMESPACE"
	if os.Getenv(within) != "" {
		newLab(t)
		for _, driver := range []string{"tcx", "clsact"} {
			refuses(t, "clock and this process's differ", func() error { return supported(driver) })
		}
		ok(t, supported("nftables"))
		return
	}
	needRoot(t)
	for _, offset := range []string{"1000", "-1"} {
		child := exec.CommandContext(t.Context(), "unshare", "--time", "--boottime", offset, os.Args[0], "-test.run", "^TestTimeNamespace$")
		child.Env = append(os.Environ(), within+"=1")
		out, err := child.CombinedOutput()
		if strings.Contains(string(out), "unshare") || child.ProcessState == nil {
			t.Skipf("needs unshare(1) and a kernel with time namespaces: %v: %s", err, out)
		}
		if err != nil {
			t.Errorf("boot time moved by %s s: %v\n%s", offset, err, out)
		}
	}
}
