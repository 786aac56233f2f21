//go:build linux

package rootless

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRefusal(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		err   error
		want  string
	}{
		{"debian", map[string]string{"kernel/unprivileged_userns_clone": "0\n"}, unix.EPERM, "sysctl kernel.unprivileged_userns_clone=1"},
		{"debian, allowed", map[string]string{"kernel/unprivileged_userns_clone": "1\n"}, unix.EPERM, "seccomp"},
		{"ubuntu", map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1\n", "kernel/unprivileged_userns_clone": "1\n"}, unix.EPERM, "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"no user namespaces", map[string]string{"user/max_user_namespaces": "0"}, unix.ENOSPC, "sysctl user.max_user_namespaces="},
		{"no network namespaces", map[string]string{"user/max_net_namespaces": "0"}, unix.ENOSPC, "sysctl user.max_net_namespaces="},
		{"too many", map[string]string{"user/max_user_namespaces": "100"}, unix.ENOSPC, "a limit on namespaces is reached"},
		{"container", nil, unix.EPERM, "outside of the container"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, content := range tt.files {
				path := filepath.Join(root, "proc/sys", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got := Refusal(root, tt.err)
			if !strings.Contains(got, tt.want) || !strings.Contains(got, "run this as root") {
				t.Errorf("got %q, want advice with %q, and to be root", got, tt.want)
			}
		})
	}
}
