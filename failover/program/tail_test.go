package program

import "testing"

// TestTail holds that of a long output its end is kept.
func TestTail(t *testing.T) {
	x := &Tail{Limit: 5}
	for _, p := range []string{"", "ab", "cde"} {
		if n, err := x.Write([]byte(p)); n != len(p) || err != nil {
			t.Errorf("write %q: %d, %v", p, n, err)
		}
	}
	if got := x.String(); got != "abcde" {
		t.Errorf("what fits was changed to %q", got)
	}
	_, _ = x.Write([]byte("f"))
	if got := x.String(); got != "…bcdef" {
		t.Errorf("got %q", got)
	}
	_, _ = x.Write([]byte("0123456789"))
	if got := x.String(); got != "…56789" {
		t.Errorf("got %q", got)
	}
}
