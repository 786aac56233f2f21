package rootless

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A knob is a kernel setting that forbids user namespaces while it has a certain value.
type knob struct {
	file   string
	bad    string
	advice string
}

var knobs = [...]knob{
	{"kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone is 0: set it with `sudo sysctl kernel.unprivileged_userns_clone=1`, or run this as root"},
	{"kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns is 1: set it with `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run this as root"},
	{"user/max_user_namespaces", "0", "user.max_user_namespaces is 0: set it with `sudo sysctl user.max_user_namespaces=10000`, or run this as root"},
	{"user/max_net_namespaces", "0", "user.max_net_namespaces is 0: set it with `sudo sysctl user.max_net_namespaces=10000`, or run this as root"},
}

// Refusal says which setting makes the kernel refuse namespaces with this error, and what to do. root is where /proc is looked for.
func Refusal(root string, err error) string {
	for _, k := range knobs {
		b, readErr := os.ReadFile(filepath.Join(root, "proc/sys", k.file))
		if readErr == nil && strings.TrimSpace(string(b)) == k.bad {
			return k.advice
		}
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) {
		return "a limit on namespaces is reached: raise user.max_user_namespaces and user.max_net_namespaces, or run this as root"
	}
	return "something forbids it that no sysctl shows, most likely the seccomp filter of a container: run this as root with CAP_SYS_ADMIN and CAP_NET_ADMIN, outside of the container or in a privileged one"
}
