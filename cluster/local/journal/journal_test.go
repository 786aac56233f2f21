package journal

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a journal that is not damaged.
func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path, func(line int, err error) { t.Errorf("line %d: %v", line, err) })
	must(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func put(t *testing.T, j *Journal, name, content string) {
	t.Helper()
	if news, err := j.Put(name, content); err != nil || !news {
		t.Fatalf("put %s: news %v, error %v", name, news, err)
	}
}

// wants opens the file of a journal anew.
func wants(t *testing.T, path string, records map[string]string) {
	t.Helper()
	if got := open(t, path).Records(); !maps.Equal(got, records) {
		t.Fatalf("the file holds %v, want %v", got, records)
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "journal")
	j := open(t, path)
	if err := j.Sync(t.Context()); err != nil {
		t.Errorf("nothing was put: %v", err)
	}
	wants(t, path, map[string]string{})
	put(t, j, "a", "1")
	put(t, j, "b", "2 2")
	put(t, j, "a", "3")
	put(t, j, "c", "4")
	put(t, j, "b", "")
	must(t, j.Sync(t.Context()))
	wants(t, path, map[string]string{"a": "3", "c": "4"})
	for name, content := range map[string]string{"a": "3", "b": ""} {
		if news, err := j.Put(name, content); news || err != nil {
			t.Errorf("%s stays the same: news %v, error %v", name, news, err)
		}
	}
	for _, bad := range [][2]string{{"", "x"}, {"a b", "x"}, {"a\n", "x"}, {"a", "x\n"}} {
		if _, err := j.Put(bad[0], bad[1]); err == nil {
			t.Errorf("%q was put", bad)
		}
	}
	wants(t, path, map[string]string{"a": "3", "c": "4"})
}

// TestCutOff cuts the file after each byte: what was put before the cut is there, and the journal goes on from it.
func TestCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	ends := []int64{0}
	for i := range 4 {
		put(t, j, fmt.Sprint("r", i), strings.Repeat("x", i+1))
		ends = append(ends, j.size)
	}
	whole, err := os.ReadFile(path)
	must(t, err)
	for cut := range len(whole) + 1 {
		must(t, os.WriteFile(path, whole[:cut], 0o600))
		want := map[string]string{"next": "x"}
		for i := range 4 {
			if ends[i+1] <= int64(cut) {
				want[fmt.Sprint("r", i)] = strings.Repeat("x", i+1)
			}
		}
		put(t, open(t, path), "next", "x")
		wants(t, path, want)
	}
}

// TestWrittenAnew puts one record again and again: the file stays small, and holds the newest.
func TestWrittenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	put(t, j, "other", "stays")
	long := strings.Repeat("x", 1000)
	for i := range 1000 {
		put(t, j, "a", fmt.Sprint(i, long))
		must(t, j.Sync(t.Context()))
		if info, err := os.Stat(path); err != nil || info.Size() != j.size || info.Size() > 2*j.live+slack+2000 {
			t.Fatalf("after %d: %v, error %v, live %d, size %d", i, info, err, j.live, j.size)
		}
	}
	wants(t, path, map[string]string{"other": "stays", "a": "999" + long})
}

// TestManyAtOnce puts from many goroutines: whoever's sync has returned finds his record in the file.
func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	want := map[string]string{}
	var wg sync.WaitGroup
	for i := range 20 {
		name, long := fmt.Sprint("r", i), strings.Repeat("y", 500)
		want[name] = long + "49"
		wg.Go(func() {
			for n := range 50 {
				_, err := j.Put(name, fmt.Sprint(long, n))
				if err = errors.Join(err, j.Sync(t.Context())); err != nil {
					t.Error(err)
				}
				b, err := os.ReadFile(path)
				if err != nil || !strings.Contains(string(b), fmt.Sprintf(" %s %s%d\n", name, long, n)) {
					t.Errorf("%s is not in the file after its sync (%v)", name, err)
				}
			}
		})
	}
	wg.Wait()
	wants(t, path, want)
}

// TestFailure writes where nothing can be written: the record stays as it was.
func TestFailure(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(dir, nil, 0o600))
	if _, err := Open(filepath.Join(dir, "journal"), nil); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory that is none: %v", err)
	}
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	put(t, j, "a", "1")
	must(t, j.file.Close()) // as if the disk had gone
	if _, err := j.Put("a", "2"); err == nil || j.Records()["a"] != "1" {
		t.Errorf("error %v, records %v", err, j.Records())
	}
	if !j.unsound {
		t.Error("a file of which nobody knows where it ends counts as sound")
	}
	must(t, j.Sync(t.Context())) // the disk is back: the file is written anew
	put(t, j, "b", "2")
	wants(t, path, map[string]string{"a": "1", "b": "2"})
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte{}, "a", "b")
	f.Add(line("a", "b"), "c", "d")
	f.Add(append(line("a", ""), "0 x"...), "a", "d")
	f.Fuzz(func(t *testing.T, b []byte, name, content string) {
		path := filepath.Join(t.TempDir(), "journal")
		must(t, os.WriteFile(path, b, 0o600))
		j, err := Open(path, func(int, error) {})
		must(t, err)
		defer func() { must(t, j.Close()) }()
		want := j.Records()
		if _, err := j.Put(name, content); err == nil {
			want[name] = content
			if content == "" {
				delete(want, name)
			}
		}
		again, err := Open(path, func(int, error) {})
		must(t, err)
		defer func() { must(t, again.Close()) }()
		if got := again.Records(); !maps.Equal(got, want) {
			t.Errorf("%v became %v", want, got)
		}
	})
}
