package verb

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTableInAPipe holds that nothing is left out where no person reads.
func TestTableInAPipe(t *testing.T) {
	var b bytes.Buffer
	long := strings.Repeat("word ", 60) + "end"
	if err := Table(&b, []string{"A", "Why"}, [][]string{{"a", long}}); err != nil {
		t.Fatal(err)
	}
	if want := "A  Why\na  " + long + "\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if n := terminalWidth(w); n != 0 {
		t.Errorf("a pipe has a width of %d", n)
	}
}

func TestFit(t *testing.T) {
	rows := [][]string{{"Group", "Holder", "Why"}, {"gateway", "n1", "n1 is the best machine (eligible, number 1 in prefer)"}, {"g", "n2", "kürzer"}}
	for _, tt := range []struct {
		width int
		why   string
	}{
		{200, "n1 is the best machine (eligible, number 1 in prefer)"},
		{40, "n1 is the best machine…"},
		{36, "n1 is the best mac…"},
		{1, "n1 is t…"}, // there is an end to it: the terminal breaks the line
	} {
		got := fit(rows, tt.width)
		if got[1][2] != tt.why || got[1][0] != "gateway" || got[2][2] != "kürzer" {
			t.Errorf("width %d: %q", tt.width, got)
		}
		if n := utf8.RuneCountInString(got[1][2]); tt.width == 40 && 7+2+6+2+n > 40 {
			t.Errorf("width %d: the line is longer", tt.width)
		}
	}
	if rows[1][2] != "n1 is the best machine (eligible, number 1 in prefer)" {
		t.Error("the rows themselves have changed")
	}
}

func TestColoured(t *testing.T) {
	for _, tt := range []struct {
		row        int
		cell, want string
	}{
		{0, "Status", "\x1b[1mStatus\x1b[0m"},
		{1, "alive", "\x1b[32malive\x1b[0m"},
		{1, "failed", "\x1b[31mfailed\x1b[0m"},
		{1, "n1", "n1"},
	} {
		if got := coloured(tt.row, tt.cell); got != tt.want {
			t.Errorf("%q in row %d: %q, want %q", tt.cell, tt.row, got, tt.want)
		}
	}
}
