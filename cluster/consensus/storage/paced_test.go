package storage

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/hashicorp/raft"
)

func TestLargeSnapshot(t *testing.T) {
	s := open(t, t.TempDir(), WAL, Keep{})
	content := make([]byte, 5*syncEvery/2)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // it never fails
	begin := func(index uint64) raft.SnapshotSink {
		sink, err := s.Snapshots.Create(1, index, 1, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range [][]byte{content[:10], content[10:]} {
			if n, err := sink.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("%d of %d bytes were written, error %v", n, len(piece), err)
			}
		}
		return sink
	}
	whole, given := begin(7), begin(8)
	for range 2 {
		if err := whole.Close(); err != nil {
			t.Fatal(err)
		}
		if err := given.Cancel(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Snapshots.List()
	if err != nil || len(list) != 1 || list[0].Index != 7 {
		t.Fatalf("snapshots %v, error %v, want the one at 7", list, err)
	}
	_, r, err := s.Snapshots.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, content) {
		t.Errorf("%d bytes come back, error %v, want the %d that were written", len(b), err, len(content))
	}
}
