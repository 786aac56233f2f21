package effect

import (
	"os"
	"strings"
)

// system names this run of the machine: what it has of sysctls and programs ends with it. In a network namespace it is the namespace's.
func system() string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it every start is a new one
	ns, _ := os.Readlink("/proc/self/ns/net")
	return strings.TrimSpace(string(boot)) + " " + ns
}
