package fence

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// refusal puts into one sentence what the kernel refused, what this process lacks
// and what to do about it.
func refusal(doing string, err error) error {
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%s failed: %w", doing, err)
	}
	lacks := missingCapabilities(unix.CAP_NET_ADMIN, unix.CAP_BPF, unix.CAP_SYS_ADMIN)
	return fmt.Errorf("%s was refused (%w): %s", doing, syscall.EPERM, remedy(lacks))
}

func remedy(lacks []string) string {
	switch {
	case len(lacks) > 0:
		return fmt.Sprintf("this process lacks %s: run the agent as root, or give its unit AmbientCapabilities=%s",
			strings.Join(lacks, " and "), strings.Join(lacks, " "))
	case inUserNamespace():
		return "this process is root in a user namespace only, where the kernel allows no eBPF: run the agent as root of the machine"
	default:
		return "no capability is missing, so a seccomp filter, a security module or kernel lockdown forbids it: allow the agent bpf(2)"
	}
}

// missingCapabilities returns the names of those that are not in effect for this
// thread.
func missingCapabilities(wanted ...int) []string {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return nil
	}
	names := map[int]string{
		unix.CAP_NET_ADMIN: "CAP_NET_ADMIN",
		unix.CAP_BPF:       "CAP_BPF",
		unix.CAP_SYS_ADMIN: "CAP_SYS_ADMIN",
	}
	var missing []string
	for _, c := range wanted {
		if have[c/32].Effective&(1<<(c%32)) == 0 {
			missing = append(missing, names[c])
		}
	}
	return missing
}

// inUserNamespace says whether root here is not root of the machine: the first
// user namespace alone maps all users to themselves.
func inUserNamespace() bool {
	mapped, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(mapped)), " ") != "0 0 4294967295"
}
