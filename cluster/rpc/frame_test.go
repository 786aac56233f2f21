package rpc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"reflect"
	"testing"
	"time"

	"holdfast/cluster"
)

// allFrames is one frame of each kind, and how it looks on the wire: other versions of Holdfast read it.
var allFrames = []struct {
	frame frame
	wire  string
}{
	{frame{kind: kindRequest, id: 7, method: 9, timeout: 1500 * time.Millisecond, body: []byte("hi")}, "00000010 01 0000000000000007 09 000005dc 6869"},
	{frame{kind: kindRequest, id: 1<<64 - 1, method: 1, body: []byte{}}, "0000000e 01 ffffffffffffffff 01 00000000"},
	{frame{kind: kindResponse, id: 7, body: []byte("yo")}, "0000000b 02 0000000000000007 796f"},
	{frame{kind: kindFailure, id: 7, code: cluster.NoLeader, body: []byte("No")}, "0000000c 03 0000000000000007 04 4e6f"},
	{frame{kind: kindCancel, id: 7}, "00000009 04 0000000000000007"},
	{frame{kind: kindPing}, "00000001 05"},
	{frame{kind: kindPong}, "00000001 06"},
	{frame{kind: kindGoodbye, code: cluster.Unavailable, body: []byte("by")}, "00000004 07 09 6279"},
	{frame{kind: kindVoid, body: []byte{1, 2}}, "00000003 08 0102"},
	{frame{kind: kindOpen, method: 3}, "00000002 09 03"},
	{frame{kind: kindOpened}, "00000001 0a"},
	{frame{kind: kindMessage, body: []byte("m")}, "00000002 0b 6d"},
	{frame{kind: kindEnd}, "00000001 0c"},
}

func TestFramesOnTheWire(t *testing.T) {
	seen := map[kind]bool{}
	for _, row := range allFrames {
		seen[row.frame.kind] = true
		want, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(row.wire), []byte(" "), nil)))
		if err != nil {
			t.Fatal(err)
		}
		got := row.frame.append([]byte("before"))
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("kind %d is written as %x, want %x", row.frame.kind, got[6:], want)
		}
		back, err := parseFrame(want[lengthSize:])
		if err != nil || !reflect.DeepEqual(back, row.frame) {
			t.Errorf("kind %d is read as %+v, %v", row.frame.kind, back, err)
		}
		if len(want)-lengthSize-len(row.frame.body) > frameOverhead {
			t.Errorf("kind %d has more than %d bytes beside its body", row.frame.kind, frameOverhead)
		}
	}
	if len(seen) != numKinds-1 {
		t.Errorf("%d kinds are tested, want %d", len(seen), numKinds-1)
	}
}

func TestCutFramesAreRefused(t *testing.T) {
	for _, row := range allFrames {
		whole := row.frame.append(nil)[lengthSize:]
		for n := range len(whole) - len(row.frame.body) {
			if f, err := parseFrame(whole[:n]); err == nil {
				t.Errorf("%x is read as %+v", whole[:n], f)
			}
		}
		if layouts[row.frame.kind].body {
			continue
		}
		if f, err := parseFrame(append(whole, 0)); err == nil {
			t.Errorf("kind %d with a byte too many is read as %+v", row.frame.kind, f)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		0: 0, -time.Second: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Hour: 3600000, math.MaxInt64: math.MaxUint32,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%d ns are %d ms, want %d", d, got, want)
		}
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, row := range allFrames {
		f.Add(row.frame.append(nil)[lengthSize:])
	}
	f.Add([]byte{})
	f.Add([]byte{99})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseFrame(b)
		if err != nil {
			return
		}
		again := got.append(nil)
		if n := binary.BigEndian.Uint32(again); int(n) != len(b) || !bytes.Equal(again[lengthSize:], b) {
			t.Errorf("%x is read as %+v, which is written as %x", b, got, again)
		}
	})
}
