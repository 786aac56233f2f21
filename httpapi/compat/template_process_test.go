package compat

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTemplateProcess: exit codes, what a program beside the files sees, and what is printed are consul-template's.
func TestTemplateProcess(t *testing.T) {
	t.Parallel()
	program(t, "consul-template", "go install "+templateModule)
	a := start(t)
	put(t, a.KV(), "app/title", "one")
	for name, args := range map[string][]string{
		"once":               {"-template", "GOOD:OUT", "-once"},
		"a dry run":          {"-template", "GOOD:OUT", "-once", "-dry"},
		"parsed only":        {"-template", "GOOD:OUT", "-parse-only"},
		"what a command has": {"-template", "GOOD:OUT:env | grep ^CONSUL | sort", "-once"},
		"a command fails":    {"-template", "GOOD:OUT:false", "-once"},
		"a template fails":   {"-template", "BAD:OUT", "-once"},
		"not parsed":         {"-template", "BROKEN:OUT", "-once"},
		"an unknown flag":    {"-template", "GOOD:OUT", "-nope"},
		"an unknown key":     {"-config", "CONFIG"},
		"the program fails":  {"-template", "GOOD:OUT", "-exec", "exit 7"},
		"with -once":         {"-template", "GOOD:OUT", "-once", "-exec", "exit 6"},
		"no such program":    {"-template", "GOOD:OUT", "-exec", "/no/such"},
		"what it sees":       {"-template", "GOOD:OUT", "-exec", "/usr/bin/env", "-exec-env-pristine", "-exec-env-custom", "A=b"},
		"what it sees of":    {"-template", "GOOD:OUT", "-exec", "env | sort", "-exec-env-allowlist", "HOLDFAST_TEST_*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, text := range map[string]string{"good": `{{key "app/title"}}`, "bad": `{{"x" | parseInt}}`, "broken": `{{nope}}`, "config": `nope = 1`} {
				ok(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
			}
			files := strings.NewReplacer("GOOD", filepath.Join(dir, "good"), "BAD", filepath.Join(dir, "bad"), "BROKEN", filepath.Join(dir, "broken"), "CONFIG", filepath.Join(dir, "config"), "OUT", filepath.Join(dir, "out"))
			real := []string{"-consul-addr", a.http()}
			for _, arg := range args {
				real = append(real, files.Replace(arg))
			}
			want, wantCode := outcome(t, dir, exec.Command("consul-template", real...))
			got, gotCode := outcome(t, dir, exec.Command("consul", append([]string{"template"}, real...)...))
			if got != want || gotCode != wantCode {
				t.Errorf("consul-template ends with %d and\n%s\nwe end with %d and\n%s", wantCode, want, gotCode, got)
			}
		})
	}
}

// outcome is what a program prints and writes, in the order of its lines, and its exit code.
func outcome(t *testing.T, dir string, cmd *exec.Cmd) (text string, code int) {
	t.Helper()
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_VALUE=x y")
	out, err := cmd.Output()
	exit := &exec.ExitError{}
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	written, err := os.ReadFile(filepath.Join(dir, "out"))
	if err == nil {
		ok(t, os.Remove(filepath.Join(dir, "out")))
	}
	return strings.Join(slices.Sorted(slices.Values(lines)), "\n") + "\nwritten: " + string(written), cmd.ProcessState.ExitCode()
}
