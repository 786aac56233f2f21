// Package journal keeps records by name in one file, for changes that come one at a time and must survive a loss of power.
//
// A record that is put is appended as a line, which says what stands under its name from now on; Sync brings what was put to the disk, and
// those who ask for it at once share one sync. That is what makes it fast: a file for each record costs a new inode, a new name and a sync
// of both. A file that is mostly made of lines that no longer count is written anew, in one step.
//
//	crc32c name content
//
// The checksum (Castagnoli, 8 hex digits) is of all that follows its space. No content means that the record is gone. A line that was cut off
// at the end was never acknowledged, and is cut away; a damaged one in between is named and skipped.
package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/cluster/durable"
	"holdfast/cluster/flight"
)

// Journal is the file and what stands in it. Its methods may be called from many goroutines.
type Journal struct {
	path  string
	syncs *flight.Group[struct{}]

	mu      sync.Mutex        // guards following
	records map[string]string // name -> content
	file    *os.File          // nil before the first record is put
	size    int64             // of the file
	live    int64             // bytes of it that a new file would have
	unsound bool              // the file may lack what was put: it is to be written anew
}

// slack is how many bytes of lines that no longer count a small file may have.
const slack = 64 << 10

// Open reads a journal, which need not exist. It calls damaged for each line that cannot be read.
func Open(path string, damaged func(line int, err error)) (*Journal, error) {
	j := &Journal{path: path, records: map[string]string{}}
	j.syncs = flight.New(time.Minute, func(context.Context) (struct{}, error) { return struct{}{}, j.sync() })
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := j.read(f, damaged); err != nil {
		_ = f.Close() // it was only read
		return nil, fmt.Errorf("read journal %s: %w", path, err)
	}
	j.file = f
	return j, nil
}

// read takes the lines of a file over, cuts off the end of a last one that has none, and leaves the file ready to be appended to.
func (j *Journal) read(f *os.File, damaged func(int, error)) error {
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		j.size += int64(len(line))
		name, content, err := parse(line[:len(line)-1])
		if err != nil {
			damaged(n, err)
			continue
		}
		j.set(name, content)
	}
	if err := f.Truncate(j.size); err != nil {
		return err
	}
	_, err := f.Seek(j.size, io.SeekStart)
	return err
}

// parse takes a line apart.
func parse(line []byte) (name, content string, err error) {
	sum, rest, _ := bytes.Cut(line, []byte{' '})
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || len(sum) != 8 || uint32(want) != checksum(rest) {
		return "", "", errors.New("its checksum is wrong")
	}
	name, content, _ = strings.Cut(string(rest), " ")
	return name, content, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// line is a record as it stands in the file.
func line(name, content string) []byte {
	rest := []byte(name + " " + content)
	return fmt.Appendf(nil, "%08x %s\n", checksum(rest), rest)
}

const overhead = 8 + 1 + 1 + 1 // of a line: checksum, two spaces, its end

// set brings a record to a content. The caller holds mu, or is Open.
func (j *Journal) set(name, content string) {
	if old := j.records[name]; old != "" {
		j.live -= int64(len(name) + len(old) + overhead)
	}
	if content == "" {
		delete(j.records, name)
		return
	}
	j.records[name] = content
	j.live += int64(len(name) + len(content) + overhead)
}

// Records are the records by name. The caller owns the map.
func (j *Journal) Records() map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.records)
}

// Put says what stands under a name, "" for nothing, and whether that is news. It survives a loss of power once Sync has returned. After an error the
// record is as it was.
func (j *Journal) Put(name, content string) (bool, error) {
	if name == "" || strings.ContainsAny(name, " \n") || strings.Contains(content, "\n") {
		return false, fmt.Errorf("journal %s: the record %q does not fit into a line", j.path, name)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.records[name] == content {
		return false, nil
	}
	if j.file == nil {
		if err := j.rewrite(); err != nil {
			return false, err
		}
	}
	b := line(name, content)
	if _, err := j.file.WriteAt(b, j.size); err != nil {
		j.unsound = j.file.Truncate(j.size) != nil
		return false, fmt.Errorf("write journal: %w", err)
	}
	j.size += int64(len(b))
	j.set(name, content)
	return true, nil
}

// Sync returns when all that was put before the call survives a loss of power.
func (j *Journal) Sync(ctx context.Context) error {
	_, err := j.syncs.Do(ctx)
	return err
}

// sync is called from one goroutine at a time.
func (j *Journal) sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	if j.unsound || j.size > 2*j.live+slack {
		return j.rewrite()
	}
	f := j.file // only rewrite closes it, and this goroutine alone calls that once there is a file
	j.mu.Unlock()
	err := f.Sync()
	j.mu.Lock()
	if err != nil { // the kernel may have dropped what it could not write: the next sync must not trust it
		j.unsound = true
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// rewrite makes the file anew, from the records alone. The caller holds mu.
func (j *Journal) rewrite() error {
	dir := filepath.Dir(j.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory of journal: %w", err)
	}
	f, err := os.OpenFile(j.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write journal anew: %w", err)
	}
	w := bufio.NewWriter(f)
	for _, name := range slices.Sorted(maps.Keys(j.records)) {
		_, _ = w.Write(line(name, j.records[name])) // Flush tells of an error
	}
	if err = errors.Join(w.Flush(), f.Sync()); err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		_ = f.Close()           // its content does not count
		_ = os.Remove(f.Name()) // one that is left is overwritten
		return fmt.Errorf("write journal anew: %w", err)
	}
	if j.file != nil {
		_ = j.file.Close() // it has been replaced
	}
	j.file, j.size, j.unsound = f, j.live, false
	if err := durable.SyncDir(dir); err != nil {
		j.unsound = true
		return err
	}
	return nil
}

// Close closes the file. What was put and not synced may be lost.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
