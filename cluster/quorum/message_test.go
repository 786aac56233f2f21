package quorum

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// The bytes of each message as members of every version send them.
var goldenQuestions = map[string]Question{
	"0101" + "0000000000000007" + "0000000000000003" + "0000000000000000" + "02" + "6e31": {
		Kind: Confirm, Grade: Read, Nonce: 7, Term: 3, Leader: "n1",
	},
	"0102" + "0102030405060708" + "00000000000000ff" + "000000002f34f600" + "02" + "6e32": {
		Kind: Confirm, Grade: Lease, Nonce: 0x0102030405060708, Term: 255, Span: 792 * time.Millisecond, Leader: "n2",
	},
	"0302" + "0000000000000009" + "0000000000000000" + "000000002f34f600" + "02" + "6e31" + "000000000000002a": {
		Kind: Hold, Grade: Lease, Nonce: 9, Span: 792 * time.Millisecond, Leader: "n1", Peers: 42,
	},
	"0201" + "ffffffffffffffff" + "0000000000000100" + "000000002f34f600" + "00": {
		Kind: Older, Grade: Read, Nonce: math.MaxUint64, Term: 256, Span: 792 * time.Millisecond,
	},
}

var goldenAnswers = map[string]Answer{
	"00" + "0000000000000007" + "0000000000000004" + "0000000000000000" + "0000000000000000":                                      {Nonce: 7, Term: 4},
	"01" + "0000000000000007" + "0000000000000003" + "0000000001312d00" + "0000000000000000":                                      {Yes: true, Nonce: 7, Term: 3, Contact: 20 * time.Millisecond},
	"01" + "0000000000000007" + "0000000000000003" + "0000000000000000" + "0000000005f5e100":                                      {Yes: true, Nonce: 7, Term: 3, Left: 100 * time.Millisecond},
	"00" + "0000000000000007" + "0000000000000004" + "0000000000000000" + "0000000000000000" + "0000000000000000" + "02" + "6e32": {Nonce: 7, Term: 4, Voter: "n2"},
	"01" + "0000000000000007" + "0000000000000003" + "0000000000000000" + "0000000000000000" + "0000000011e1a300" + "02" + "6e32": {
		Yes: true, Nonce: 7, Term: 3, Heartbeat: 300 * time.Millisecond, Voter: "n2",
	},
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGoldenMessages(t *testing.T) {
	for golden, q := range goldenQuestions {
		if got := hex.EncodeToString(q.Encode()); got != golden {
			t.Errorf("%+v is\n%s, want\n%s", q, got, golden)
		}
		if got, err := DecodeQuestion(unhex(t, golden)); err != nil || got != q {
			t.Errorf("%s is %+v, %v, want %+v", golden, got, err, q)
		}
	}
	for golden, a := range goldenAnswers {
		if got := hex.EncodeToString(a.Encode()); got != golden {
			t.Errorf("%+v is\n%s, want\n%s", a, got, golden)
		}
		if got, err := DecodeAnswer(unhex(t, golden)); err != nil || got != a {
			t.Errorf("%s is %+v, %v, want %+v", golden, got, err, a)
		}
	}
}

// TestNewerVersion holds that what a newer version adds at the end does not keep this one from understanding the rest.
func TestNewerVersion(t *testing.T) {
	q := Question{Kind: Confirm, Grade: Lease, Term: 9, Leader: "n1"}
	if got, err := DecodeQuestion(append(q.Encode(), 1, 2, 3)); err != nil || got != q {
		t.Errorf("a longer question is %+v, %v", got, err)
	}
	a := Answer{Yes: true, Term: 9}
	if got, err := DecodeAnswer(append(a.Encode(), 1, 2, 3)); err != nil || got != a {
		t.Errorf("a longer answer is %+v, %v", got, err)
	}
}

func TestUnreadableMessages(t *testing.T) {
	good := Question{Kind: Confirm, Grade: Read, Leader: "n1"}.Encode()
	edit := func(i int, v byte) []byte {
		b := bytes.Clone(good)
		b[i] = v
		return b
	}
	for name, b := range map[string][]byte{
		"empty": nil, "short": good[:26], "short of the leader": good[:28], "kind": edit(0, 3), "grade": edit(1, 0), "negative span": edit(18, 0x80), "long leader": edit(26, 3),
	} {
		if _, err := DecodeQuestion(b); cluster.CodeOf(err) != cluster.Invalid || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("%s: got %v, want an error that says it cannot be read", name, err)
		}
	}
	answer := Answer{}.Encode()
	for name, b := range map[string][]byte{
		"empty": nil, "short": answer[:32], "verdict": append([]byte{2}, answer[1:]...),
		"negative contact": append(append(bytes.Clone(answer[:17]), 0x80), answer[18:]...), "negative left": append(append(bytes.Clone(answer[:25]), 0xff), answer[26:]...),
	} {
		if _, err := DecodeAnswer(b); err == nil {
			t.Errorf("%s: the answer was read", name)
		}
	}
}

// TestBounds holds that nothing that is encoded is refused: a long name is cut, and a negative duration is none.
func TestBounds(t *testing.T) {
	q, err := DecodeQuestion(Question{Kind: Older, Grade: Read, Span: -1, Leader: strings.Repeat("x", 300)}.Encode())
	if err != nil || q.Span != 0 || len(q.Leader) != 255 {
		t.Errorf("got %+v, %v", q, err)
	}
	a, err := DecodeAnswer(Answer{Contact: -1, Left: -1}.Encode())
	if err != nil || a != (Answer{}) {
		t.Errorf("got %+v, %v", a, err)
	}
}

func FuzzQuestion(f *testing.F) {
	for _, q := range goldenQuestions {
		f.Add(q.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := DecodeQuestion(b)
		if err != nil {
			return
		}
		if again, err := DecodeQuestion(q.Encode()); err != nil || again != q {
			t.Errorf("%+v comes back as %+v, %v", q, again, err)
		}
		m := NewMemory(0, time.Second)
		if a := m.Answer(time.Second, Standing{Leader: "n1", Term: 3, OK: true}, q); a.Nonce != q.Nonce || a.Left < 0 {
			t.Errorf("%+v is answered with %+v", q, a)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	for _, a := range goldenAnswers {
		f.Add(a.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := DecodeAnswer(b)
		if err != nil {
			return
		}
		if again, err := DecodeAnswer(a.Encode()); err != nil || again != a {
			t.Errorf("%+v comes back as %+v, %v", a, again, err)
		}
	})
}
