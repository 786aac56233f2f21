package event

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster"
)

var update = flag.Bool("update", false, "write the golden files anew")

const id = "cb9a81ad-fff6-52ac-92a7-5f70687805ec"

var full = &cluster.UserEvent{ID: id, Name: "deploy", Payload: []byte("v2\x00\xff"), NodeFilter: "^web", ServiceFilter: "front|back", TagFilter: "v1"}

func golden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// TestGolden holds the form on the wire: members of different versions must understand each other.
func TestGolden(t *testing.T) {
	for name, e := range map[string]*cluster.UserEvent{"full.msgpack": full, "small.msgpack": {ID: id, Name: "x"}} {
		b, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		want := golden(t, name, b)
		if !bytes.Equal(b, want) {
			t.Errorf("%s is\n%q, want\n%q", name, b, want)
		}
		if back, err := Decode(want); err != nil || !cmp.Equal(back, e) {
			t.Errorf("%s: %v, %s", name, err, cmp.Diff(back, e))
		}
	}
}

func TestDecodeOfAnotherVersion(t *testing.T) {
	var b []byte
	newer := map[string]any{"i": id, "n": "x", "mood": []any{map[string]any{"good": true}}}
	if err := codec.NewEncoderBytes(&b, handle).Encode(newer); err != nil {
		t.Fatal(err)
	}
	e, err := Decode(append([]byte{form}, b...))
	if want := (&cluster.UserEvent{ID: id, Name: "x"}); err != nil || !cmp.Equal(e, want) {
		t.Errorf("got %+v, %v, want %+v", e, err, want)
	}
}

func TestUnreadable(t *testing.T) {
	encoded := func(e cluster.UserEvent) []byte {
		b, err := Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := encoded(*full)
	for name, b := range map[string][]byte{
		"nothing": nil, "another form": append([]byte{2}, whole[1:]...), "cut": whole[:len(whole)/2], "no map": {form, 0xc1},
		"no ID": encoded(cluster.UserEvent{Name: "x"}), "no name": encoded(cluster.UserEvent{ID: id}),
		"a filter that is none": encoded(cluster.UserEvent{ID: id, Name: "x", NodeFilter: "("}),
	} {
		if e, err := Decode(b); err == nil || !strings.HasPrefix(err.Error(), "decode user event") {
			t.Errorf("%s: %+v, %v, want an error that says what cannot be read", name, e, err)
		}
	}
}

func TestMeantFor(t *testing.T) {
	services := []*cluster.Service{
		{ID: "1", Name: "front", Tags: []string{"v1", "primary"}},
		{ID: "2", Name: "db"},
	}
	for _, c := range []struct {
		node, service, tag string
		want               bool
	}{
		{"", "", "", true},
		{"web-1", "", "", true},
		{"web", "", "", true}, // a part matches, as in Consul
		{"^web-[2-9]", "", "", false},
		{"(", "", "", false},
		{"", "front", "", true},
		{"", "^(front|back)$", "", true},
		{"", "back", "", false},
		{"", "[", "", false},
		{"", "front", "^v[0-9]$", true},
		{"", "front", "v2", false},
		{"", "db", "v1", false}, // the tag must be the service's own
		{"", "", "v1", true},    // Validate refuses it; alone it selects nothing
		{"", "front", "(", false},
		{"other", "front", "v1", false},
	} {
		e := &cluster.UserEvent{Name: "x", NodeFilter: c.node, ServiceFilter: c.service, TagFilter: c.tag}
		if got := MeantFor(e, "web-1", slices.Values(services)); got != c.want {
			t.Errorf("%q %q %q: %t, want %t", c.node, c.service, c.tag, got, c.want)
		}
	}
}

func TestRing(t *testing.T) {
	r := NewRing()
	none, changed := r.Recent()
	if len(none) != 0 {
		t.Fatalf("a new ring has %d events", len(none))
	}
	for i := range Kept + 3 {
		r.Add(&cluster.UserEvent{Name: strconv.Itoa(i)})
	}
	select {
	case <-changed:
	default:
		t.Error("who waits is not told of an event")
	}
	got, changed := r.Recent()
	if len(got) != Kept || got[0].Name != "3" || got[Kept-1].Name != strconv.Itoa(Kept+2) {
		t.Errorf("%d events from %s to %s, want the newest %d, oldest first", len(got), got[0].Name, got[len(got)-1].Name, Kept)
	}
	select {
	case <-changed:
		t.Error("who waits is told of an event that was there")
	default:
	}
	got[0] = nil
	if again, _ := r.Recent(); again[0] == nil {
		t.Error("the slice is the ring's own")
	}
}

// FuzzDecode holds that no bytes make an agent fail, and that what it takes is valid.
func FuzzDecode(f *testing.F) {
	for _, n := range []string{"full.msgpack", "small.msgpack"} {
		b, err := os.ReadFile(filepath.Join("testdata", n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		MeantFor(e, "n", slices.Values([]*cluster.Service{{Name: "s", Tags: []string{"t"}}}))
		again, err := Encode(e)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", e, err)
		}
		if back, err := Decode(again); err != nil || !cmp.Equal(back, e) {
			t.Errorf("%v, %s", err, cmp.Diff(back, e))
		}
	})
}
