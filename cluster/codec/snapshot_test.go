package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"holdfast/cluster/state"
)

// sampleRecords are one record of every type, in the order of their numbers.
func sampleRecords() []any {
	var records []any
	for _, number := range slices.Sorted(maps.Keys(recordTypes.types)) {
		records = append(records, filled(recordTypes.make(number)))
	}
	return records
}

func yieldAll(records []any) func(func(any) error) error {
	return func(yield func(any) error) error {
		for _, r := range records {
			if err := yield(r); err != nil {
				return err
			}
		}
		return nil
	}
}

func sampleSnapshot(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := WriteSnapshot(&b, 4711, yieldAll(sampleRecords())); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestRecordsAreGolden(t *testing.T) {
	for _, want := range sampleRecords() {
		name := reflect.TypeOf(want).Elem().Name()
		t.Run(name, func(t *testing.T) {
			b, err := appendMsgpack(nil, want)
			if err != nil {
				t.Fatal(err)
			}
			number, err := recordTypes.number(want)
			if err != nil {
				t.Fatal(err)
			}
			got := recordTypes.make(number)
			if err := decodeMsgpack(golden(t, "record/"+name, b), got); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, got, want)
		})
	}
}

func TestSnapshotIsGolden(t *testing.T) {
	want := []any{
		&state.IndexRow{Name: "kv", Index: 4711},
		&state.Tombstone{Table: "kv", Key: "gone", Index: 4710},
		&state.LastEpoch{Group: "gateway", Epoch: 3},
	}
	var b bytes.Buffer
	if err := WriteSnapshot(&b, 4711, yieldAll(want)); err != nil {
		t.Fatal(err)
	}
	var got []any
	index, err := ReadSnapshot(bytes.NewReader(golden(t, "snapshot", b.Bytes())), func(r any) error { got = append(got, r); return nil })
	if err != nil || index != 4711 {
		t.Fatalf("index %d, error %v", index, err)
	}
	wantEqual(t, got, want)
}

func TestSnapshotHoldsRecordsOfEveryType(t *testing.T) {
	var got []any
	if _, err := ReadSnapshot(bytes.NewReader(sampleSnapshot(t)), func(r any) error { got = append(got, r); return nil }); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, sampleRecords())
}

func TestSnapshotCutOffIsRefused(t *testing.T) {
	whole := sampleSnapshot(t)
	for n := range whole {
		if _, err := ReadSnapshot(bytes.NewReader(whole[:n]), func(any) error { return nil }); err == nil {
			t.Fatalf("a snapshot cut off after %d of %d bytes was accepted", n, len(whole))
		}
	}
}

func TestSnapshotAlteredIsRefused(t *testing.T) {
	whole := sampleSnapshot(t)
	for n := range whole {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			altered := bytes.Clone(whole)
			altered[n] ^= flip
			if _, err := ReadSnapshot(bytes.NewReader(altered), func(any) error { return nil }); err == nil {
				t.Fatalf("a snapshot with byte %d altered by %#x was accepted", n, flip)
			}
		}
	}
}

// sealed is a snapshot with the given body and a right checksum.
func sealed(body ...byte) []byte {
	b := append([]byte(snapshotMagic), snapshotVersion)
	b = binary.BigEndian.AppendUint64(b, 9)
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func TestReadSnapshotRefuses(t *testing.T) {
	whole := sampleSnapshot(t)
	newer := bytes.Clone(whole)
	newer[len(snapshotMagic)]++
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "no whole header"},
		{"something else", []byte("SQLite format 3\x00 and so on"), "not written by Holdfast"},
		{"a newer version", newer, "upgrade this member"},
		{"a newer record that may not be skipped", sealed(0x7f, 1, 0xc0, 0, 1), "type 127 of a record: upgrade"},
		{"a record of 2^63 bytes", sealed(append([]byte{5}, binary.AppendUvarint(nil, 1<<63)...)...), "says that it takes"},
		{"a record longer than the rest", sealed(5, 200, 1, 0x80), "cut off"},
		{"a record that is no msgpack", sealed(5, 1, 0xc1, 0, 1), "decode *cluster.KVEntry"},
		{"a wrong number of records", sealed(5, 1, 0x80, 0, 2), "says that it has 2"},
		{"something after the end", append(bytes.Clone(whole), 0), "goes on after its checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadSnapshot(bytes.NewReader(c.b), func(any) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestReadSnapshotSkipsIgnorableRecords(t *testing.T) {
	records := 0
	index, err := ReadSnapshot(bytes.NewReader(sealed(5, 1, 0x80, 0xff, 3, 1, 2, 3, 0, 2)), func(any) error { records++; return nil })
	if err != nil || index != 9 || records != 1 {
		t.Errorf("index %d, %d records, error %v, want 9, 1, none", index, records, err)
	}
}

func TestSnapshotErrorsArePassedOn(t *testing.T) {
	refused := errors.New("refused")
	if _, err := ReadSnapshot(bytes.NewReader(sampleSnapshot(t)), func(any) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("the store's error became %v", err)
	}
	if err := WriteSnapshot(new(bytes.Buffer), 1, func(func(any) error) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("the state's error became %v", err)
	}
	if err := WriteSnapshot(fullDisk{}, 1, yieldAll(sampleRecords())); !errors.Is(err, errFull) {
		t.Errorf("the disk's error became %v", err)
	}
	if err := WriteSnapshot(new(bytes.Buffer), 1, yieldAll([]any{"no record"})); err == nil {
		t.Error("a record without a number was written")
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func FuzzReadSnapshot(f *testing.F) {
	f.Add(sampleSnapshot(f))
	f.Add(sealed(5, 1, 0x80, 0xff, 3, 1, 2, 3, 0, 2))
	for _, r := range sampleRecords() {
		number, _ := recordTypes.number(r)
		body, _ := appendMsgpack(nil, r)
		f.Add(sealed(append(append(binary.AppendUvarint([]byte{number}, uint64(len(body))), body...), 0, 1)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// The checksum is set right where there is room for one, so that more than it is tested.
		if n := len(b) - 4; n > 0 {
			b = binary.BigEndian.AppendUint32(bytes.Clone(b[:n]), crc32.Checksum(b[:n], castagnoli))
		}
		var records []any
		index, err := ReadSnapshot(bytes.NewReader(b), func(r any) error { records = append(records, r); return nil })
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteSnapshot(&again, index, yieldAll(records)); err != nil {
			t.Fatalf("the records of a snapshot cannot be written: %v", err)
		}
	})
}
