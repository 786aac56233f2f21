package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// example is what a text is read into.
type example struct {
	Name  *string        `mapstructure:"name"`
	Every *time.Duration `mapstructure:"every"`
	List  []string       `mapstructure:"list"`
	Block *struct {
		Port int `mapstructure:"port"`
		Size int `mapstructure:"size"`
	} `mapstructure:"block"`
}

// TestDecode holds that both languages say the same, and that what nobody takes is handed back.
func TestDecode(t *testing.T) {
	for format, text := range map[string]string{
		"hcl":  `name = "n" every = "2s" list = "a" block { port = 1 } block { size = 2 } zz = 1 aa = 2`,
		"json": `{"name": "n", "every": "2s", "list": ["a"], "block": {"port": "1", "size": 2}, "zz": 1, "aa": 2}`,
	} {
		var e example
		raw, unused, err := Decode([]byte(text), format, &e, nil)
		switch {
		case err != nil:
			t.Errorf("%s: %v", format, err)
		case Or(e.Name, "") != "n" || Or(e.Every, 0) != 2*time.Second || !slices.Equal(e.List, []string{"a"}) || e.Block == nil || e.Block.Port != 1 || e.Block.Size != 2:
			t.Errorf("%s: %+v", format, e)
		case !slices.Equal(unused, []string{"aa", "zz"}) || len(raw) != 6:
			t.Errorf("%s: %q of %d keys are not used", format, unused, len(raw))
		}
	}
	var none example
	if _, _, err := Decode(nil, "json", &none, nil); err != nil || Or(none.Name, "default") != "default" {
		t.Errorf("an empty file: %v, name %q", err, Or(none.Name, "default"))
	}
}

func TestDecodeAmiss(t *testing.T) {
	for text, want := range map[string]string{
		`json {`:         "not valid JSON",
		`json {} {}`:     "something follows the first object",
		`hcl name = {`:   "not valid HCL",
		`hcl every = 10`: `"10" is not a duration: write it as "10s" or "200ms"`,
		`hcl block { port = 1 } block { port = 2 }`: `"port" is given twice`,
		`yaml name: n`: `the format "yaml" is not known`,
	} {
		format, text, _ := strings.Cut(text, " ")
		var e example
		if _, _, err := Decode([]byte(text), format, &e, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %s: %v, want %q", format, text, err, want)
		}
	}
}

// TestFiles holds which files of a directory count.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a.hcl", "c.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for every, want := range map[bool]string{false: "a.hcl b.json", true: "a.hcl b.json c.txt"} {
		files, err := Files([]string{"", dir}, every)
		var names []string
		for _, f := range files {
			names = append(names, filepath.Base(f))
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("every file %v: %s, %v", every, got, err)
		}
	}
	if _, err := Files([]string{filepath.Join(dir, "none")}, false); err == nil || !strings.Contains(err.Error(), "cannot read config "+dir) {
		t.Error(err)
	}
}
