package compat

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// limit is how long a test waits for what must happen; it is generous, because machines can be slow.
const limit = 2 * time.Minute

// lacking are the tests that were skipped because a program is missing, with what to do about it.
var lacking struct {
	sync.Mutex
	lines []string // guarded by the mutex
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run puts the program into the PATH under the name of the one that it replaces, and runs the tests.
func run(m *testing.M) int {
	binary := os.Getenv("HOLDFAST_BIN")
	if binary == "" {
		binary = "../../bin/holdfast"
	}
	binary, err := filepath.Abs(binary)
	if err == nil {
		_, err = os.Stat(binary)
	}
	if err != nil {
		fmt.Println("no program to test: run `make build` first, or name one in HOLDFAST_BIN:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "compat")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Symlink(binary, filepath.Join(dir, "consul")); err != nil {
		fmt.Println(err)
		return 1
	}
	os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	code := m.Run()
	slices.Sort(lacking.lines)
	for _, line := range lacking.lines {
		fmt.Println("skipped", line)
	}
	return code
}

// program finds a program in the PATH, or skips the test with what to install.
func program(t *testing.T, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skip(t, fmt.Sprintf("there is no %s in the PATH: %s", name, install))
	}
	return path
}

// skip ends the test, and has its reason shown at the end of the run.
func skip(t *testing.T, why string) {
	t.Helper()
	lacking.Lock()
	lacking.lines = append(lacking.lines, t.Name()+": "+why)
	lacking.Unlock()
	t.Skip(why)
}

// eventually waits until fn says nil.
func eventually(t *testing.T, what string, fn func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := fn()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, limit, err)
		}
	}
}

// ok fails the test for an error that must not be.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
