package logsink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// File is a log file. It is rotated by renaming it: what was /var/log/holdfast.log becomes /var/log/holdfast-1767225600000000000.log, with the time
// in nanoseconds, and a new one is begun. What is no regular file, a pipe say, is only written to.
type File struct {
	Path     string
	MaxBytes int64         // that a file may have; 0 means no bound
	MaxAge   time.Duration // since it was opened; 0 means no bound
	MaxFiles int           // older files to keep; 0 means all, below 0 none
	Complain func(error)   // told once why a rotation has failed, until one succeeds

	mu      sync.Mutex // guards following
	file    *os.File
	size    int64
	opened  time.Time
	regular bool
	retry   time.Time // when a rotation that has failed is tried again
}

// retryAfter is how long a rotation that has failed waits for the next try.
const retryAfter = time.Minute

// Open opens the file by its name, in the place of what was open. If that fails, what was open stays. It may be called while others write: a file
// that somebody has moved away is begun anew by it.
func (f *File) Open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.openLocked()
}

func (f *File) openLocked() error {
	next, err := os.OpenFile(f.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("cannot open log_file: %w", err)
	}
	st, err := next.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("cannot open log_file: %w", err), next.Close())
	}
	if f.file != nil {
		_ = f.file.Close() // its lines are written
	}
	f.file, f.size, f.opened, f.regular = next, st.Size(), time.Now(), st.Mode().IsRegular()
	return nil
}

// Write appends a line to the file, or to a new one where it would be too large, or is too old.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dueLocked(len(line)) {
		f.rotateLocked()
	}
	n, err := f.file.Write(line)
	f.size += int64(n)
	return n, err
}

func (f *File) dueLocked(more int) bool {
	if !f.regular || f.size == 0 || time.Now().Before(f.retry) {
		return false
	}
	return f.MaxBytes > 0 && f.size+int64(more) > f.MaxBytes || f.MaxAge > 0 && time.Since(f.opened) >= f.MaxAge
}

// rotateLocked begins a new file. Where that fails the old one is written on.
func (f *File) rotateLocked() {
	stem, ext := f.stem()
	old := stem + strconv.FormatInt(time.Now().UnixNano(), 10) + ext
	err := os.Rename(f.Path, old)
	if errors.Is(err, os.ErrNotExist) {
		err = nil // somebody has moved it away
	}
	if err == nil {
		if err = f.openLocked(); err != nil {
			_ = os.Rename(old, f.Path) // so that it goes on under its name
		}
	}
	if err != nil {
		if f.retry.IsZero() {
			f.complain(fmt.Errorf("the log file is not rotated, and written on: %w", err))
		}
		f.retry = time.Now().Add(retryAfter)
		return
	}
	f.retry = time.Time{}
	if err := f.prune(); err != nil {
		f.complain(fmt.Errorf("older log files than log_rotate_max_files are not removed: %w", err))
	}
}

func (f *File) complain(err error) {
	if f.Complain != nil {
		f.Complain(err)
	}
}

// stem is what the names of older files begin with, and what they end with.
func (f *File) stem() (before, after string) {
	after = filepath.Ext(f.Path)
	return strings.TrimSuffix(f.Path, after) + "-", after
}

// prune removes the oldest files, as far as there are more than are wanted.
func (f *File) prune() error {
	if f.MaxFiles == 0 {
		return nil
	}
	stem, ext := f.stem()
	entries, err := os.ReadDir(filepath.Dir(f.Path))
	if err != nil {
		return err
	}
	var times []int64
	for _, e := range entries {
		name, ok := strings.CutPrefix(filepath.Join(filepath.Dir(f.Path), e.Name()), stem)
		name, ours := strings.CutSuffix(name, ext)
		if at, err := strconv.ParseInt(name, 10, 64); ok && ours && err == nil && at > 0 && e.Type().IsRegular() {
			times = append(times, at)
		}
	}
	slices.Sort(times)
	for _, at := range times[:max(0, len(times)-max(0, f.MaxFiles))] {
		err = errors.Join(err, os.Remove(stem+strconv.FormatInt(at, 10)+ext))
	}
	return err
}

// Close closes the file.
func (f *File) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.file.Close() // its lines are written
}
