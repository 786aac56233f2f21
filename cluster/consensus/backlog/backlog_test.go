package backlog

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const kilobyte = 1 << 10

// running runs a Backlog whose snapshots have size bytes, or fail, and counts how often one is taken.
func running(t *testing.T, cfg Config, size func() (uint64, error)) (b *Backlog, taken *atomic.Int32) {
	t.Helper()
	b, taken = New(cfg), new(atomic.Int32)
	stopped := make(chan struct{})
	go b.Run(stopped, func() error {
		taken.Add(1)
		m := b.Began()
		n, err := size()
		if err == nil {
			b.Written(m, n)
		}
		return err
	})
	t.Cleanup(func() { close(stopped) })
	return b, taken
}

// apply applies n entries of bytes each, and lets Run see each of them.
func apply(b *Backlog, n int, bytes uint64) {
	for range n {
		b.Applied(1, bytes)
		synctest.Wait()
	}
}

func TestDueByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, taken := running(t, Config{Entries: 1e6, Interval: time.Hour, Bytes: 100 * kilobyte}, func() (uint64, error) { return kilobyte, nil })
		apply(b, 99, kilobyte)
		if taken.Load() != 0 {
			t.Fatalf("%d snapshots for 99 of 100 kB", taken.Load())
		}
		apply(b, 26, kilobyte)
		if taken.Load() != 1 {
			t.Fatalf("%d snapshots for 125 kB, want 1", taken.Load())
		}
		apply(b, 875, kilobyte)
		if taken.Load() < 8 || taken.Load() > 10 {
			t.Errorf("%d snapshots for 1000 kB, want 8 to 10", taken.Load())
		}
	})
}

func TestALargeStateIsWrittenSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, taken := running(t, Config{Entries: 10, Interval: time.Minute, Bytes: 100 * kilobyte}, func() (uint64, error) { return 4000 * kilobyte, nil })
		b.Restored(4000 * kilobyte)
		apply(b, 1999, kilobyte)
		if taken.Load() != 0 {
			t.Fatalf("%d snapshots of 4000 kB for less than half as much log", taken.Load())
		}
		apply(b, 501, kilobyte)
		if taken.Load() != 1 {
			t.Fatalf("%d snapshots of 4000 kB for 2500 kB of log, want 1", taken.Load())
		}
		b.Restored(4000 * kilobyte)
		apply(b, 100, kilobyte)
		time.Sleep(time.Hour) //nolint:forbidigo // the clock of a bubble
		if taken.Load() != 1 {
			t.Errorf("a snapshot of 4000 kB was written for 100 entries of 1 kB")
		}
	})
}

func TestDueByEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, taken := running(t, Config{Entries: 10, Interval: time.Minute, Bytes: 100 * kilobyte}, func() (uint64, error) { return 160, nil })
		for _, c := range []struct {
			entries int
			want    int32
		}{{9, 0}, {1, 1}, {0, 1}, {9, 1}, {20, 2}} {
			apply(b, c.entries, 1)
			time.Sleep(time.Minute) //nolint:forbidigo // the clock of a bubble
			synctest.Wait()
			if taken.Load() != c.want {
				t.Fatalf("after %d more entries and a minute: %d snapshots, want %d", c.entries, taken.Load(), c.want)
			}
		}
	})
}

// TestEntriesDuringASnapshot holds that what is applied while a snapshot is written counts for the next one.
func TestEntriesDuringASnapshot(t *testing.T) {
	b := New(Config{Entries: 10, Bytes: kilobyte})
	b.Applied(8, 1)
	m := b.Began()
	b.Applied(9, 1)
	b.Written(m, 1)
	if b.isDue(true) {
		t.Error("a snapshot is due after 9 of 10 entries")
	}
	b.Applied(1, 1)
	if !b.isDue(true) {
		t.Error("no snapshot is due after 10 entries")
	}
	m = b.Began()
	b.Restored(1)
	b.Written(m, 1) // the snapshot that it replaced
	if b.isDue(true) {
		t.Error("a snapshot is due right after a restore")
	}
}

// TestAFailureIsTriedAgainLater holds that a disk which is full is not tried with every entry.
func TestAFailureIsTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		full.Store(true)
		b, taken := running(t, Config{Entries: 1e6, Interval: time.Minute, Bytes: kilobyte}, func() (uint64, error) {
			if full.Load() {
				return 0, errors.New("no space left")
			}
			return 1, nil
		})
		apply(b, 100, kilobyte)
		if taken.Load() != 1 {
			t.Fatalf("%d snapshots were tried on a full disk at once, want 1", taken.Load())
		}
		time.Sleep(time.Minute) //nolint:forbidigo // the clock of a bubble
		synctest.Wait()
		if taken.Load() != 2 {
			t.Fatalf("%d snapshots were tried within a minute, want 2", taken.Load())
		}
		full.Store(false)
		time.Sleep(time.Minute) //nolint:forbidigo // the clock of a bubble
		synctest.Wait()
		apply(b, 1, 1)
		if taken.Load() != 3 {
			t.Errorf("%d snapshots, want 3 when there is space again", taken.Load())
		}
	})
}
