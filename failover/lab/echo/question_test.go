package echo

import (
	"strings"
	"testing"
)

func TestQuestionAndAnswer(t *testing.T) {
	q := Question{Probe: 7, Track: 0xffff, Round: 1 << 30}
	if got, ok := ParseQuestion(q.Append(nil)); !ok || got != q {
		t.Fatalf("got %+v, %v", got, ok)
	}
	a := Answer{Question: q, Machine: "n1", Sent: 12345}
	if got, ok := ParseAnswer(a.Append(nil)); !ok || got != a {
		t.Fatalf("got %+v, %v", got, ok)
	}
	nameless := Answer{Question: q}.Append(nil)
	long := Answer{Question: q, Machine: strings.Repeat("n", maxName+1)}.Append(nil)
	for _, b := range [][]byte{nil, []byte("HFA1"), q.Append(nil), nameless, long} {
		if _, ok := ParseAnswer(b); ok {
			t.Errorf("%q passes for an answer", b)
		}
	}
	for _, b := range [][]byte{nil, []byte("HFQ1"), a.Append(nil), q.append(nil, "HFX1")} {
		if _, ok := ParseQuestion(b); ok {
			t.Errorf("%q passes for a question", b)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(Answer{Question: Question{Probe: 1, Track: 2, Round: 3}, Machine: "n1", Sent: 4}.Append(nil))
	f.Add(Question{Probe: 1}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := ParseAnswer(b); ok {
			if again, ok := ParseAnswer(a.Append(nil)); !ok || again != a {
				t.Fatalf("%+v is read back as %+v", a, again)
			}
		}
		if q, ok := ParseQuestion(b); ok {
			if again, ok := ParseQuestion(q.Append(nil)); !ok || again != q {
				t.Fatalf("%+v is read back as %+v", q, again)
			}
		}
	})
}
