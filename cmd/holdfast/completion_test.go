package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompletion lets each shell that is there complete command lines with its script.
func TestCompletion(t *testing.T) {
	ask := map[string]string{
		"bash": `. SCRIPT; COMP_WORDS=(holdfast TYPED); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _holdfast; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh":  `_describe() { print -l -- ${${(P)2}%%:*}; }; _files() { print files; }; compdef() { :; }; . SCRIPT; words=(holdfast TYPED); CURRENT=${#words}; _holdfast`,
		"fish": `source SCRIPT; complete -C 'holdfast LINE'`,
	}
	for shell, program := range ask {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("there is no %s on this machine", shell)
			}
			got := terminal{}.run(t, "completion", shell)
			if got.code != 0 || got.err != "" {
				t.Fatal(got)
			}
			script := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(script, []byte(got.out), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, tt := range []struct {
				words      []string
				want, wont string
			}{
				{[]string{""}, "members", "acl"},
				{[]string{"kv", ""}, "export", "members"},
				{[]string{"operator", "raft", ""}, "list-peers", "raft"},
				{[]string{"members", "-"}, "-detailed", "-prune"},
				{[]string{"kv", "get", "-"}, "-separator", "-cas"},
				{[]string{"agent", "-"}, "-config-dir", "-separator"},
			} {
				quoted := make([]string, 0, len(tt.words))
				for _, w := range tt.words {
					quoted = append(quoted, "'"+w+"'")
				}
				text := strings.NewReplacer("SCRIPT", script, "TYPED", strings.Join(quoted, " "), "LINE", strings.Join(tt.words, " ")).Replace(program)
				cmd := exec.CommandContext(t.Context(), path, "-c", text)
				cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
				out, err := cmd.CombinedOutput()
				var offered []string
				for line := range strings.Lines(string(out)) {
					word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
					offered = append(offered, word)
				}
				if !slices.Contains(offered, tt.want) || slices.Contains(offered, tt.wont) {
					t.Errorf("%q: %v, offered %q; want %s and not %s", tt.words, err, offered, tt.want, tt.wont)
				}
			}
		})
	}
	if got := (terminal{}).run(t, "completion", "csh"); got.code != 1 || !strings.Contains(got.err, `want one shell, bash, zsh or fish, not ["csh"]`) {
		t.Errorf("csh: %+v", got)
	}
}
