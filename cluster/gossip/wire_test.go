package gossip

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// The bytes below are spoken between releases: a change of them is a change of protocol.

var goldenState = state{
	clock:  300,
	events: 2,
	known: []entry{
		{status: entryAlive, time: 7, name: "n1"},
		{status: entryFailed, time: 0, name: "n2", age: 1500 * time.Millisecond, addr: netip.MustParseAddrPort("10.0.0.2:8301"), tags: map[string]string{"id": "4f"}},
		{status: entryPruned, time: 9, name: "n3"},
		{status: entryLeft, time: 8, name: "n4", addr: netip.MustParseAddrPort("[fd00::4]:8301"), tags: map[string]string{}},
	},
	recent: []userEvent{{time: 2, origin: "n1", payload: []byte("hi")}},
	owner:  "id-a",
}

func TestGoldenBytes(t *testing.T) {
	tags, err := encodeTags(map[string]string{"role": "consul", "dc": "dc1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		got  []byte
		want string
	}{
		"tags":         {tags, "0102" + "026463" + "03646331" + "04726f6c65" + "06636f6e73756c"},
		"no tags":      {mustTags(nil), "0100"},
		"join intent":  {intent{joinIntent, "n1", 300}.encode(), "0101" + "ac02" + "026e31"},
		"leave intent": {intent{leaveIntent, "n1", 1}.encode(), "0102" + "01" + "026e31"},
		"prune intent": {intent{pruneIntent, "n1", 1}.encode(), "0103" + "01" + "026e31"},
		"user event":   {goldenState.recent[0].encode(), "02" + "02" + "026e31" + "026869"},
		"state": {goldenState.encode(), "01" + "ac02" + "02" + "04" +
			"05" + "01" + "07" + "026e31" +
			"17" + "04" + "00" + "026e32" + "dc0b" + "040a000002" + "ed40" + "08" + "0101" + "026964" + "023466" +
			"05" + "05" + "09" + "026e33" +
			"1c" + "03" + "08" + "026e34" + "00" + "10fd000000000000000000000000000004" + "ed40" + "02" + "0100" +
			"01" + "07" + "02" + "026e31" + "026869" +
			"04" + "69642d61"},
		"state of a member without a cluster": {state{}.encode(), "01" + "00" + "00" + "00" + "00"},
	} {
		if got := hex.EncodeToString(row.got); got != row.want {
			t.Errorf("%s is\n%s, want\n%s", name, got, row.want)
		}
	}
}

func mustTags(tags map[string]string) []byte {
	b, err := encodeTags(tags)
	if err != nil {
		panic(err)
	}
	return b
}

func TestStateComesBack(t *testing.T) {
	got, err := decodeState(goldenState.encode())
	if err != nil || !reflect.DeepEqual(got, goldenState) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, goldenState)
	}
}

func TestStateLeavesOutWhatItCannotRead(t *testing.T) {
	s := goldenState
	s.known = append([]entry{{status: 99, name: "n0"}, {status: entryAlive, name: "bad\nname"}}, s.known...)
	s.recent = append([]userEvent{{time: 0, origin: "n1"}}, s.recent...)
	got, err := decodeState(s.encode())
	if err != nil || !reflect.DeepEqual(got, goldenState) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNewerFieldsAreIgnored(t *testing.T) {
	want := intent{leaveIntent, "n1", 5}
	if got, err := decodeIntent(append(want.encode()[1:], 1, 2, 3)); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := decodeTags(append(mustTags(map[string]string{"a": "b"}), 9, 9)); err != nil || got["a"] != "b" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := decodeState(append(goldenState.encode(), 9, 9)); err != nil || len(got.known) != 4 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBrokenBytesAreRefused(t *testing.T) {
	tags := func(b string) error { _, err := decodeTags([]byte(b)); return err }
	message := func(b string) error { return fresh().receive([]byte(b)) }
	states := func(b string) error { _, err := decodeState([]byte(b)); return err }
	for name, row := range map[string]struct {
		err  error
		says string
	}{
		"tags: nothing":             {tags(""), "too early"},
		"tags: another form":        {tags("\x02\x00"), "form 2"},
		"tags: a tag is missing":    {tags("\x01\x01"), "too early"},
		"tags: cut off":             {tags("\x01\x01\x02dc\x03dc"), "too early"},
		"tags: twice":               {tags("\x01\x02\x01a\x01b\x01a\x01c"), "twice"},
		"tags: too long":            {tags(strings.Repeat("x", MaxTags+1)), "limit"},
		"tags: endless number":      {tags("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "too early"},
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
		b, err := encodeTags(tags)
		if (err == nil) != fits {
			t.Errorf("a tag of %d bytes takes %d: %v", length, len(b), err)
		}
		if !fits {
			continue
		}
		if got, err := decodeTags(b); err != nil || !maps.Equal(got, tags) {
			t.Errorf("it does not come back: %v", err)
		}
	}
}

// fresh is a pool that was never opened, to be given bytes.
func fresh() *Pool {
	p := New(quick("n1"), slog.New(slog.DiscardHandler))
	p.change(func(t *table) {
		t.joined(node("n1"))
		t.joined(node("n2"))
		t.joined(node("n3"))
		t.lost("n3")
	})
	return p
}

func FuzzTags(f *testing.F) {
	f.Add(mustTags(map[string]string{"role": "consul"}))
	f.Add([]byte{1, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		tags, err := decodeTags(b)
		if err != nil {
			return
		}
		again, err := encodeTags(tags)
		if err != nil {
			t.Fatalf("tags that came in do not go out: %v", err)
		}
		if back, err := decodeTags(again); err != nil || !maps.Equal(tags, back) {
			t.Fatalf("%v became %v, %v", tags, back, err)
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, i := range []intent{{joinIntent, "n1", 300}, {leaveIntent, "n2", 1}, {pruneIntent, "n3", 2}, {leaveIntent, "n1", 1 << 40}} {
		f.Add(i.encode())
	}
	f.Add(userEvent{time: 3, origin: "n2", payload: []byte("x")}.encode())
	f.Add(keyRequest{id: 1, from: "n2", op: cluster.ListKeys}.encode())
	f.Add(keyAnswer{id: 1, keys: [][]byte{{1}}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p := fresh()
		_ = p.receive(b)
		checkSane(t, p)
		before := len(p.events.take())
		_ = p.receive(b) // heard twice, it changes nothing
		if after := len(p.events.take()); after != 0 {
			t.Fatalf("%d events, then %d of the same message", before, after)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add(goldenState.encode())
	f.Add(state{known: []entry{{status: entryLeaving, time: 5, name: "n1"}, {status: entryPruned, time: 6, name: "n3"}}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p := fresh()
		delegate{p}.MergeRemoteState(b, true)
		checkSane(t, p)
		if _, err := decodeState(p.state().encode()); err != nil {
			t.Fatalf("what it tells then cannot be read: %v", err)
		}
	})
}

// checkSane fails where bytes from outside have upset what must hold.
func checkSane(t *testing.T, p *Pool) {
	t.Helper()
	if got := p.Self().Status; got != cluster.StatusAlive {
		t.Fatalf("it believes that it is %v", got)
	}
	if now := p.table.clock.now; now > 3*maxAhead {
		t.Fatalf("the clock jumped to %d", now)
	}
	for _, m := range p.Members() {
		if err := checkName(m.Name); err != nil || !m.Addr.IsValid() || m.Status == cluster.StatusNone {
			t.Fatalf("member %+v, %v", m, err)
		}
	}
	if got := p.living.Load(); got < 1 || got > 2 {
		t.Fatalf("%d are alive", got)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"n1": true, "web-1.example": true, "Zürich_7": true, strings.Repeat("x", maxName): true,
		"": false, "a b": false, "a/b": false, "a\nb": false, "a\x00": false, "\xff": false, strings.Repeat("x", maxName+1): false, "a\u202eb": false,
	} {
		if err := checkName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestMemberAddr(t *testing.T) {
	for text, ok := range map[string]bool{
		"10.0.0.1:8301": true, "[fd00::1]:1": true, "0.0.0.0:1": false, "224.0.0.1:1": false, "10.0.0.1:0": false, "[::]:8301": false,
	} {
		a := netip.MustParseAddrPort(text)
		got, err := memberAddr(a.Addr().AsSlice(), uint64(a.Port()))
		if (err == nil) != ok || ok && got != a {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {1, 2, 3}, make([]byte, 17)} {
		if _, err := memberAddr(bad, 1); err == nil {
			t.Errorf("%x is taken for an address", bad)
		}
	}
	if got, _ := memberAddr(netip.MustParseAddr("::ffff:10.0.0.1").AsSlice(), 5); fmt.Sprint(got) != "10.0.0.1:5" {
		t.Errorf("a mapped address becomes %v", got)
	}
}
