package message

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The bytes below are spoken between releases: a change of them is a change of protocol.

var goldenState = State{
	Clock:  300,
	Events: 2,
	Known: []Entry{
		{Status: EntryAlive, Time: 7, Name: "n1"},
		{Status: EntryFailed, Time: 0, Name: "n2", Age: 1500 * time.Millisecond, Addr: netip.MustParseAddrPort("10.0.0.2:8301"), Tags: map[string]string{"id": "4f"}},
		{Status: EntryPruned, Time: 9, Name: "n3"},
		{Status: EntryLeft, Time: 8, Name: "n4", Addr: netip.MustParseAddrPort("[fd00::4]:8301"), Tags: map[string]string{}},
	},
	Recent: []UserEvent{{Time: 2, Origin: "n1", Payload: []byte("hi")}},
	Owner:  "id-a",
}

func TestGoldenBytes(t *testing.T) {
	tags, err := EncodeTags(map[string]string{"role": "consul", "dc": "dc1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		got  []byte
		want string
	}{
		"tags":         {tags, "0102" + "026463" + "03646331" + "04726f6c65" + "06636f6e73756c"},
		"no tags":      {mustTags(nil), "0100"},
		"join intent":  {Intent{JoinIntent, "n1", 300}.Encode(), "0101" + "ac02" + "026e31"},
		"leave intent": {Intent{LeaveIntent, "n1", 1}.Encode(), "0102" + "01" + "026e31"},
		"prune intent": {Intent{PruneIntent, "n1", 1}.Encode(), "0103" + "01" + "026e31"},
		"user event":   {goldenState.Recent[0].Encode(), "02" + "02" + "026e31" + "026869"},
		"state": {goldenState.Encode(), "01" + "ac02" + "02" + "04" +
			"05" + "01" + "07" + "026e31" +
			"17" + "04" + "00" + "026e32" + "dc0b" + "040a000002" + "ed40" + "08" + "0101" + "026964" + "023466" +
			"05" + "05" + "09" + "026e33" +
			"1c" + "03" + "08" + "026e34" + "00" + "10fd000000000000000000000000000004" + "ed40" + "02" + "0100" +
			"01" + "07" + "02" + "026e31" + "026869" +
			"04" + "69642d61"},
		"state of a member without a cluster": {State{}.Encode(), "01" + "00" + "00" + "00" + "00"},
	} {
		if got := hex.EncodeToString(row.got); got != row.want {
			t.Errorf("%s is\n%s, want\n%s", name, got, row.want)
		}
	}
}

func mustTags(tags map[string]string) []byte {
	b, err := EncodeTags(tags)
	if err != nil {
		panic(err)
	}
	return b
}

func TestStateComesBack(t *testing.T) {
	got, err := DecodeState(goldenState.Encode())
	if err != nil || !reflect.DeepEqual(got, goldenState) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, goldenState)
	}
}

func TestStateLeavesOutWhatItCannotRead(t *testing.T) {
	s := goldenState
	s.Known = append([]Entry{{Status: 99, Name: "n0"}, {Status: EntryAlive, Name: "bad\nname"}}, s.Known...)
	s.Recent = append([]UserEvent{{Time: 0, Origin: "n1"}}, s.Recent...)
	got, err := DecodeState(s.Encode())
	if err != nil || !reflect.DeepEqual(got, goldenState) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNewerFieldsAreIgnored(t *testing.T) {
	want := Intent{LeaveIntent, "n1", 5}
	if got, err := decodeIntent(append(want.Encode()[1:], 1, 2, 3)); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := DecodeTags(append(mustTags(map[string]string{"a": "b"}), 9, 9)); err != nil || got["a"] != "b" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := DecodeState(append(goldenState.Encode(), 9, 9)); err != nil || len(got.Known) != 4 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBrokenBytesAreRefused(t *testing.T) {
	tags := func(b string) error { _, err := DecodeTags([]byte(b)); return err }
	message := func(b string) error { _, err := Decode([]byte(b)); return err }
	states := func(b string) error { _, err := DecodeState([]byte(b)); return err }
	for name, row := range map[string]struct {
		err  error
		says string
	}{
		"Tags: nothing":             {tags(""), "too early"},
		"Tags: another form":        {tags("\x02\x00"), "form 2"},
		"Tags: a tag is missing":    {tags("\x01\x01"), "too early"},
		"Tags: cut off":             {tags("\x01\x01\x02dc\x03dc"), "too early"},
		"Tags: twice":               {tags("\x01\x02\x01a\x01b\x01a\x01c"), "twice"},
		"Tags: too long":            {tags(strings.Repeat("x", MaxTags+1)), "limit"},
		"Tags: endless number":      {tags("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "too early"},
		"message: nothing":          {message(""), "too early"},
		"message: unknown":          {message("\x63"), "kind 99"},
		"message: too long":         {message(strings.Repeat("\x02", maxMessage+1)), "limit"},
		"intent: cut off":           {message("\x01\x01\x05\x02n"), "too early"},
		"intent: unknown":           {message("\x01\x09\x05\x02n1"), "kind 9"},
		"intent: of nobody":         {message("\x01\x01\x05\x00"), "name is empty"},
		"intent: name too long":     {message("\x01\x01\x05\x81\x01" + strings.Repeat("n", 129)), "limit"},
		"event: without time":       {message("\x02\x00\x02n1\x01x"), "no time"},
		"event: payload too long":   {message("\x02\x01\x02n1\x81\x08" + strings.Repeat("n", 1025)), "limit"},
		"state: nothing":            {states(""), "too early"},
		"state: another form":       {states("\x07"), "form 7"},
		"state: members missing":    {states("\x01\x01\x01\x05"), "too early"},
		"state: user event missing": {states("\x01\x01\x01\x00\x01"), "too early"},
	} {
		if row.err == nil || !strings.Contains(row.err.Error(), row.says) {
			t.Errorf("%s: %v, want %q", name, row.err, row.says)
		}
	}
}

func TestTagsUpToTheLimit(t *testing.T) {
	for length, fits := range map[int]bool{MaxTags - 6: true, MaxTags - 5: false} {
		tags := map[string]string{"k": strings.Repeat("v", length)}
		b, err := EncodeTags(tags)
		if (err == nil) != fits {
			t.Errorf("a tag of %d bytes takes %d: %v", length, len(b), err)
		}
		if !fits {
			continue
		}
		if got, err := DecodeTags(b); err != nil || !maps.Equal(got, tags) {
			t.Errorf("it does not come back: %v", err)
		}
	}
}

func FuzzTags(f *testing.F) {
	f.Add(mustTags(map[string]string{"role": "consul"}))
	f.Add([]byte{1, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		tags, err := DecodeTags(b)
		if err != nil {
			return
		}
		again, err := EncodeTags(tags)
		if err != nil {
			t.Fatalf("tags that came in do not go out: %v", err)
		}
		if back, err := DecodeTags(again); err != nil || !maps.Equal(tags, back) {
			t.Fatalf("%v became %v, %v", tags, back, err)
		}
	})
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"n1": true, "web-1.example": true, "Zürich_7": true, strings.Repeat("x", MaxName): true,
		"": false, "a b": false, "a/b": false, "a\nb": false, "a\x00": false, "\xff": false, strings.Repeat("x", MaxName+1): false, "a\u202eb": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestMemberAddr(t *testing.T) {
	for text, ok := range map[string]bool{
		"10.0.0.1:8301": true, "[fd00::1]:1": true, "0.0.0.0:1": false, "224.0.0.1:1": false, "10.0.0.1:0": false, "[::]:8301": false,
	} {
		a := netip.MustParseAddrPort(text)
		got, err := Address(a.Addr().AsSlice(), uint64(a.Port()))
		if (err == nil) != ok || ok && got != a {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, make([]byte, 17)} {
		if _, err := Address(bad, 1); err == nil {
			t.Errorf("%x is taken for an address", bad)
		}
	}
	if got, _ := Address(netip.MustParseAddr("::ffff:10.0.0.1").AsSlice(), 5); fmt.Sprint(got) != "10.0.0.1:5" {
		t.Errorf("a mapped address becomes %v", got)
	}
}

// FuzzDecode holds that whatever is taken for a message comes back as it is when it is sent on.
func FuzzDecode(f *testing.F) {
	f.Add(Intent{PruneIntent, "n1", 300}.Encode())
	f.Add(goldenState.Recent[0].Encode())
	f.Add(KeyRequest{ID: 1, From: "n2", Op: 1}.Encode())
	f.Add(KeyAnswer{ID: 1, Failure: "why", Keys: [][]byte{{1}}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if back, err := Decode(m.Encode()); err != nil || !reflect.DeepEqual(back, m) {
			t.Fatalf("%+v became %+v, %v", m, back, err)
		}
	})
}

// FuzzState holds the same of a state.
func FuzzState(f *testing.F) {
	f.Add(goldenState.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeState(b)
		if err != nil {
			return
		}
		if back, err := DecodeState(s.Encode()); err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%+v became %+v, %v", s, back, err)
		}
	})
}
