package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/cmd/holdfast/config"
)

func TestLogs(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ given, file string }{
		{filepath.Join(dir, "a.log"), filepath.Join(dir, "a.log")},
		{dir, filepath.Join(dir, "holdfast.log")},
		{dir + "/", filepath.Join(dir, "holdfast.log")},
	} {
		var stderr bytes.Buffer
		l, err := openLogs(&stderr, &config.Config{LogFile: tt.given, LogLevel: "warn"})
		if err != nil {
			t.Fatal(err)
		}
		l.Info("silent")
		l.setLevel("info")
		l.Info("heard", "n", 1)
		l.close()
		b, err := os.ReadFile(tt.file)
		if err != nil || string(b) != stderr.String() || strings.Contains(stderr.String(), "silent") || !strings.Contains(stderr.String(), "msg=heard n=1") {
			t.Errorf("%s: file %q, standard error %q, %v", tt.given, b, stderr.String(), err)
		}
		if err := os.Remove(tt.file); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLogsRotate holds that the keys of rotation reach the file.
func TestLogsRotate(t *testing.T) {
	dir := t.TempDir()
	l, err := openLogs(&bytes.Buffer{}, &config.Config{LogFile: dir, LogRotateBytes: 150, LogRotateMaxFiles: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for range 20 {
		l.Info("a line that takes about seventy bytes with its time")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("there are %v, %v; want the log and two older ones", files, err)
	}
}

func TestLogsReopen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	l, err := openLogs(&bytes.Buffer{}, &config.Config{LogFile: file, LogJSON: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	l.Info("one")
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	l.Info("two")
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	l.Info("three")
	for name, want := range map[string]string{file + ".1": "one two", file: "three"} {
		var got []string
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			var m struct{ Msg string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Errorf("%s: %q is not JSON", name, line)
			}
			got = append(got, m.Msg)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := l.reopen(); err == nil || !strings.Contains(err.Error(), "cannot open log_file") {
		t.Errorf("a directory in its place: %v", err)
	}
	l.Info("four") // goes where it went before
}

// TestWarningsAreLogged holds that each line of an agent that logs in JSON is JSON, also what it says of its configuration before it runs.
func TestWarningsAreLogged(t *testing.T) {
	t.Parallel()
	c := launch(t, "agent", "-dev", "-node", "n1", "-log-json", "-ui", "-hcl", freePorts)
	c.await(regexp.MustCompile(`"msg":"the configuration asks for what does not happen","warning":"the flag -ui has no effect: `))
	c.await(regexp.MustCompile(`"msg":"holdfast is up"`))
	for line := range strings.Lines(c.log.String()) {
		if strings.HasSuffix(line, "\n") && !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}
