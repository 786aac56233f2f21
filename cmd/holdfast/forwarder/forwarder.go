// Package forwarder knows how the resolvers of a machine are told to ask Holdfast about its domain: what to write, where, and how the
// resolver takes it. It writes and removes such files, and nothing that it has not written itself.
package forwarder

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Target is what a resolver is to ask, and about what.
type Target struct {
	Domain string // "consul", without the dot at its end
	Server netip.AddrPort
}

// Kind is a resolver.
type Kind struct {
	Name    string
	Path    string   // where its snippet belongs
	Include string   // a file that must include the snippet, "" where the resolver finds it by itself
	Reload  []string // the command after which it counts
	Note    string   // what else a user must know, a sentence

	snippet func(t Target) string
	include func(path string) string // the line for Include
	comment string                   // begins a comment
}

// Kinds are the resolvers that are known.
func Kinds() []Kind {
	return []Kind{
		{
			Name: "systemd-resolved", Path: "/etc/systemd/resolved.conf.d/holdfast.conf", Reload: []string{"systemctl", "restart", "systemd-resolved"}, comment: "#",
			Note: "A port in DNS= needs systemd 246 or newer.",
			snippet: func(t Target) string {
				return fmt.Sprintf("[Resolve]\nDNS=%s\nDNSSEC=false\nDomains=~%s\n", t.Server, t.Domain)
			},
		},
		{
			Name: "dnsmasq", Path: "/etc/dnsmasq.d/10-holdfast.conf", Reload: []string{"systemctl", "restart", "dnsmasq"}, comment: "#",
			snippet: func(t Target) string {
				return fmt.Sprintf("server=/%s/%s#%d\n", t.Domain, t.Server.Addr(), t.Server.Port())
			},
		},
		{
			Name: "unbound", Path: "/etc/unbound/unbound.conf.d/holdfast.conf", Reload: []string{"systemctl", "reload", "unbound"}, comment: "#",
			snippet: func(t Target) string {
				return fmt.Sprintf("server:\n  do-not-query-localhost: no\n  domain-insecure: \"%s.\"\nstub-zone:\n  name: \"%[1]s.\"\n  stub-addr: %s@%d\n",
					t.Domain, t.Server.Addr(), t.Server.Port())
			},
		},
		{
			Name: "bind", Path: "/etc/bind/named.conf.holdfast", Include: "/etc/bind/named.conf.local", Reload: []string{"systemctl", "reload", "named"}, comment: "//",
			Note: "Where dnssec-validation is on, options also needs: validate-except { \"DOMAIN\"; };",
			snippet: func(t Target) string {
				return fmt.Sprintf("zone \"%s\" IN {\n  type forward;\n  forward only;\n  forwarders { %s port %d; };\n};\n", t.Domain, t.Server.Addr(), t.Server.Port())
			},
			include: func(path string) string { return fmt.Sprintf("include \"%s\";", path) },
		},
	}
}

// mark begins what is written, so that it can be told from what others wrote.
const mark = " Written by `holdfast dns setup`; `holdfast dns setup -undo` removes it."

// Snippet is what the file at Path is to hold.
func (k Kind) Snippet(t Target) string { return k.comment + mark + "\n" + k.snippet(t) }

// includeLine is the line that Include is to have.
func (k Kind) includeLine() string { return k.include(k.Path) + " " + k.comment + mark }

// Write writes the snippet below root ("" for this machine's own), and answers the files that it has changed. A file that somebody else
// wrote is refused, and nothing is changed.
func (k Kind) Write(root string, t Target) ([]string, error) {
	path := filepath.Join(root, k.Path)
	if err := k.ours(path); err != nil {
		return nil, err
	}
	included, err := k.withInclude(root, true)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // resolvers run as users of their own
		return nil, fmt.Errorf("cannot make the folder of %s: %w", k.Name, err)
	}
	if err := replace(path, k.Snippet(t)); err != nil {
		return nil, err
	}
	if included == nil {
		return []string{path}, nil
	}
	return []string{path, included.path}, replace(included.path, included.content)
}

// Undo removes what Write wrote, and answers the files that it has changed.
func (k Kind) Undo(root string) ([]string, error) {
	path := filepath.Join(root, k.Path)
	if err := k.ours(path); err != nil {
		return nil, err
	}
	included, err := k.withInclude(root, false)
	if err != nil {
		return nil, err
	}
	var changed []string
	if included != nil {
		if err := replace(included.path, included.content); err != nil {
			return nil, err
		}
		changed = append(changed, included.path)
	}
	switch err := os.Remove(path); {
	case err == nil:
		changed = append(changed, path)
	case !errors.Is(err, fs.ErrNotExist):
		return changed, fmt.Errorf("cannot remove the snippet: %w", err)
	}
	return changed, nil
}

// ours is an error where a file is there that Write has not written.
func (k Kind) ours(path string) error {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot look at what is there already: %w", err)
	case !strings.HasPrefix(string(b), k.comment+mark):
		return fmt.Errorf("%s is there already and was not written by holdfast: move it away first", path)
	}
	return nil
}

// file is a file as it is to be.
type file struct{ path, content string }

// withInclude is the including file with the line or without it; nil where it need not change.
func (k Kind) withInclude(root string, with bool) (*file, error) {
	if k.Include == "" {
		return nil, nil
	}
	path := filepath.Join(root, k.Include)
	b, err := os.ReadFile(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && !with {
			return nil, nil
		}
		return nil, fmt.Errorf("cannot read the file that is to include the snippet of %s: %w", k.Name, err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	kept := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.TrimRight(l, "\n") == k.includeLine() })
	content := strings.Join(kept, "")
	if with {
		if content != "" && !strings.HasSuffix(content, "\n") {
			content += "\n"
		}
		content += k.includeLine() + "\n"
	}
	if content == string(b) {
		return nil, nil
	}
	return &file{path, content}, nil
}

// replace writes a file in one step, with the mode that it had.
func replace(path, content string) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	_, err = tmp.WriteString(content)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the write has failed already
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}
