package durable_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"holdfast/cluster/durable"
)

// TestAhead appends pieces of many sizes: the file holds them and zeros behind them, a piece at most.
func TestAhead(t *testing.T) {
	for _, piece := range []int64{1024, 1 << 30} {
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		a := durable.NewAhead(f, piece)
		var want []byte
		for i, n := range []int{1, 1, 1022, 500, 1024, 3000, 700, 0, 5, 4000} {
			b := bytes.Repeat([]byte{byte(i + 1)}, n)
			if n, err := a.WriteAt(b, int64(len(want))); n != len(b) || err != nil {
				t.Fatalf("wrote %d of %d: %v", n, len(b), err)
			}
			want = append(want, b...)
			if err := a.Sync(); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(f.Name())
			if err != nil || !bytes.HasPrefix(got, want) || len(bytes.Trim(got[len(want):], "\x00")) > 0 {
				t.Fatalf("piece %d: after %d bytes the file holds something else (%v)", piece, len(want), err)
			}
			if ahead := int64(len(got) - len(want)); ahead > piece {
				t.Errorf("piece %d: after %d bytes the file has %d", piece, len(want), len(got))
			}
		}
	}
}

// TestAheadOver writes over the garbage that a write left which nobody vouched for.
func TestAheadOver(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write([]byte("certain, and half of")); err != nil {
		t.Fatal(err)
	}
	a := durable.NewAhead(f, 64)
	if _, err := a.WriteAt([]byte("x"), int64(len("certain"))); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Name())
	if want := "certainx"; err != nil || string(bytes.TrimRight(got, "\x00")) != want {
		t.Errorf("the file holds %q, %v, want %q and zeros", got, err, want)
	}
}
