package verb

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestParseFlags(t *testing.T) {
	for _, tt := range []struct {
		args, rest string
		a          string
		b          bool
		values     bool
		err        string
	}{
		{args: "x y -a 1", rest: "x y", a: "1"},
		{args: "x -a 1 y -b", rest: "x y", a: "1", b: true},
		{args: "-a=1 x", rest: "x", a: "1"},
		{args: "x -- -a 1", rest: "x -a 1"},
		{args: "-- -a", rest: "-a"},
		{args: "x -", rest: "x -"},
		{args: "", rest: ""},
		{args: "-b -a 1 -a 2", a: "2", b: true},
		{args: "x -5", err: "flag provided but not defined: -5"},
		{args: "x -5 -b", rest: "x -5", b: true, values: true},
		{args: "x -- -b", rest: "x -b", values: true},
		{args: "-5 x", err: "flag provided but not defined: -5", values: true},
		{args: "x -a", err: "flag needs an argument: -a"},
	} {
		fs := (&Console{Out: &bytes.Buffer{}}).Flags()
		a, b := fs.String("a", "", ""), fs.Bool("b", false, "")
		err := parse(fs, strings.Fields(tt.args), tt.values)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: got %v, want %s", tt.args, err, tt.err)
			}
			continue
		}
		if err != nil || *a != tt.a || *b != tt.b || !slices.Equal(fs.Args(), strings.Fields(tt.rest)) {
			t.Errorf("%q: a %q, b %v, arguments %q, error %v", tt.args, *a, *b, fs.Args(), err)
		}
	}
}
