package lease

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fullRenewal has every field, so that a field which is renamed or lost changes the golden file.
var fullRenewal = &Renewal{
	Node: "n1", Run: 0x0102030405060708, Seq: 9, Term: 4, Claims: []Claim{{"gateway", 3}, {"db", 1}}, Live: []Claim{{"db", 1}}, Released: []Claim{{"dns", 7}},
	Stopping: true, StoppingWhy: "SIGTERM", Unable: map[string]string{"web": "no interface has an address in 10.77.0.0/24", "a": "b"},
	HardwareAddrs: []string{"02:00:00:00:00:01"}, Networks: []string{"eth0 10.77.0.11/24"},
}

var fullAnswer = &Answer{
	Seq: 9, Term: 4, TTL: 700 * time.Millisecond, Granted: []Claim{{"db", 1}}, Refused: []Refusal{{Claim{"gateway", 3}, "a lease of an older leader may live for 312ms more"}},
	Acknowledged: []Claim{{"dns", 7}}, Vacant: []Claim{{"gateway", 3}},
	Assignments: []cluster.Assignment{{
		Group: "gateway", Node: "n1", Epoch: 3, VIPs: []cluster.VIP{{Prefix: netip.MustParsePrefix("10.77.0.100/24"), Interface: "eth0"}, {Prefix: netip.MustParsePrefix("fd00::1/64")}},
		Moved: true, Why: "n2 is gone", Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), ModifyIndex: 77,
	}},
}

func golden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
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

var same = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateApproxTime(0)}

func TestGoldenRenewals(t *testing.T) {
	for name, r := range map[string]*Renewal{"renewal-full.msgpack": fullRenewal, "renewal-idle.msgpack": {Node: "n1", Run: 1, Seq: 1}} {
		b, err := EncodeRenewal(r)
		if err != nil {
			t.Fatal(err)
		}
		want := golden(t, name, b)
		if !bytes.Equal(b, want) {
			t.Errorf("%s is\n%q, want\n%q", name, b, want)
		}
		back, err := DecodeRenewal(want)
		if err != nil || !cmp.Equal(back, r, same) {
			t.Errorf("%s: %v, %s", name, err, cmp.Diff(back, r, same))
		}
	}
}

func TestGoldenAnswers(t *testing.T) {
	for name, a := range map[string]*Answer{"answer-full.msgpack": fullAnswer, "answer-empty.msgpack": {Term: 1, TTL: time.Second}} {
		b, err := EncodeAnswer(a)
		if err != nil {
			t.Fatal(err)
		}
		want := golden(t, name, b)
		if !bytes.Equal(b, want) {
			t.Errorf("%s is\n%q, want\n%q", name, b, want)
		}
		back, err := DecodeAnswer(want)
		if err != nil || !cmp.Equal(back, a, same) {
			t.Errorf("%s: %v, %s", name, err, cmp.Diff(back, a, same))
		}
	}
}

// TestOtherVersions holds that a field which this version does not know is skipped, and that one which an older version does not send is
// zero.
func TestOtherVersions(t *testing.T) {
	var b []byte
	newer := map[string]any{"Node": "n1", "Seq": 5, "Mood": map[string]any{"good": true}, "Claims": []any{map[string]any{"Group": "g", "Epoch": 2, "Weight": 1.5}}}
	if err := codec.NewEncoderBytes(&b, handle).Encode(newer); err != nil {
		t.Fatal(err)
	}
	r, err := DecodeRenewal(b)
	want := &Renewal{Node: "n1", Seq: 5, Claims: []Claim{{"g", 2}}}
	if err != nil || !cmp.Equal(r, want, same) {
		t.Errorf("got %+v, %v, want %+v", r, err, want)
	}
}

func TestUnreadable(t *testing.T) {
	full, err := EncodeAnswer(fullAnswer)
	if err != nil {
		t.Fatal(err)
	}
	negative, err := EncodeAnswer(&Answer{TTL: -1})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "cut": full[:len(full)/2], "text": []byte("GET / HTTP/1.1"), "more than one": append(bytes.Clone(full), 0xc0), "negative TTL": negative,
		"deep": bytes.Repeat([]byte{0x81, 0xa4, 'N', 'o', 'd', 'e'}, 100),
	} {
		if _, err := DecodeAnswer(b); err == nil || !strings.Contains(err.Error(), "decode lease answer") {
			t.Errorf("%s: got %v, want an error that says what cannot be read", name, err)
		}
	}
	if _, err := DecodeRenewal([]byte{0xc1}); err == nil || !strings.Contains(err.Error(), "decode lease renewal") {
		t.Errorf("got %v, want an error that says what cannot be read", err)
	}
}

func FuzzRenewal(f *testing.F) {
	seedFrom(f, "renewal-full.msgpack", "renewal-idle.msgpack")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRenewal(b)
		if err != nil {
			return
		}
		again, err := EncodeRenewal(r)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", r, err)
		}
		if back, err := DecodeRenewal(again); err != nil || !cmp.Equal(back, r, same) {
			t.Errorf("%v, %s", err, cmp.Diff(back, r, same))
		}
		g := NewTermGranter(r.Term, time.Second, instant(0))
		if p := g.Renew(instant(time.Second), r, func(string) Assigned { return Assigned{Node: r.Node, Epoch: 1} }); p != nil {
			g.Confirmed(p)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	seedFrom(f, "answer-full.msgpack", "answer-empty.msgpack")
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := DecodeAnswer(b)
		if err != nil {
			return
		}
		h := NewHolder()
		h.Take(Claim{"db", 1}, 0)
		h.Renew(5, &Renewal{})
		for _, x := range h.Granted(a) {
			if x.Deadline > 5+int64(MaxTTL) {
				t.Errorf("a leader's answer made a lease of %s", time.Duration(x.Deadline-5))
			}
		}
	})
}

func seedFrom(f *testing.F, names ...string) {
	f.Helper()
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join("testdata", n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}
