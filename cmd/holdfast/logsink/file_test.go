package logsink

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// contents is what the files of a directory hold: the current one, and the older ones by age.
func contents(t *testing.T, dir string) (now string, old []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Name() == "h.log":
			now = string(b)
		case regexp.MustCompile(`^h-\d{18,19}\.log$`).MatchString(e.Name()):
			old = append(old, string(b))
		default:
			t.Errorf("there is %s", e.Name())
		}
	}
	return now, old
}

func opened(t *testing.T, f *File) *File {
	t.Helper()
	f.Complain = func(err error) { t.Errorf("it complains: %v", err) }
	if err := f.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func write(t *testing.T, f *File, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if n, err := f.Write([]byte(l)); n != len(l) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
}

func TestRotateBySize(t *testing.T) {
	for max, want := range map[int][]string{0: {"aaaa\n", "bbbb\ncc\n", "dddddddddddd\n"}, 2: {"bbbb\ncc\n", "dddddddddddd\n"}, -1: nil} {
		synctest.Test(t, func(t *testing.T) { // no two files of one nanosecond
			dir := t.TempDir()
			f := opened(t, &File{Path: filepath.Join(dir, "h.log"), MaxBytes: 10, MaxFiles: max})
			for _, l := range []string{"aaaa\n", "bbbb\n", "cc\n", "dddddddddddd\n", "e\n"} {
				if l == "bbbb\n" { // a start that finds a file goes on in it
					f.Close()
					f = opened(t, &File{Path: f.Path, MaxBytes: 9, MaxFiles: max})
				}
				write(t, f, l)
				time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble's clock
			}
			if now, old := contents(t, dir); now != "e\n" || !slices.Equal(old, want) {
				t.Errorf("max files %d: now %q, older %q; want %q", max, now, old, want)
			}
		})
	}
}

func TestRotateByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		f := opened(t, &File{Path: filepath.Join(dir, "h.log"), MaxAge: time.Hour})
		time.Sleep(2 * time.Hour) //nolint:forbidigo // of the bubble's clock
		write(t, f, "a\n")        // what is empty is not rotated
		write(t, f, "b\n")
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's clock
		write(t, f, "c\n")
		if now, old := contents(t, dir); now != "c\n" || !slices.Equal(old, []string{"a\n", "b\n"}) {
			t.Errorf("now %q, older %q", now, old)
		}
	})
}

// TestNotRotated holds that a file which cannot be rotated is written on, and that one line says so.
func TestNotRotated(t *testing.T) {
	dir := t.TempDir()
	f := opened(t, &File{Path: filepath.Join(dir, "h.log"), MaxBytes: 3})
	var said []string
	f.Complain = func(err error) { said = append(said, err.Error()) }
	f.Path = filepath.Join(dir, "none", "h.log") // its directory is gone
	write(t, f, "aa\n", "bb\n", "cc\n")
	if now, _ := contents(t, dir); now != "aa\nbb\ncc\n" {
		t.Errorf("it has %q", now)
	}
	if len(said) != 1 || !strings.HasPrefix(said[0], "the log file is not rotated, and written on: cannot open log_file: ") {
		t.Errorf("said %q", said)
	}
}

// TestPipe holds that what is no regular file is only written to.
func TestPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "h.log")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := opened(t, &File{Path: pipe, MaxBytes: 2})
	write(t, f, "aa\n", "bb\n")
	b := make([]byte, 6)
	if _, err := r.Read(b); err != nil || string(b) != "aa\nbb\n" {
		t.Errorf("%q, %v", b, err)
	}
}
