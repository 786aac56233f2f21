package check

import (
	"strings"
	"testing"

	"holdfast/cluster"
)

// TestThresholds reads: p, w and c are what the runs find; the second word is what is reported after each, - for nothing.
func TestThresholds(t *testing.T) {
	for _, x := range []struct {
		name                      string
		success, warning, failure int
		found, want               string
	}{
		{"none given: every result counts", 0, 0, 0, "pcwpc", "pcwpc"},
		{"thresholds of one change nothing", 1, 1, 1, "pcwpc", "pcwpc"},
		{"the first result counts at once, a good one", 3, 0, 3, "p", "p"},
		{"the first result counts at once, a bad one", 3, 0, 3, "c", "c"},
		{"the first result counts at once, whatever would be a warning", 0, 2, 3, "c", "c"},
		{"failures before critical", 0, 0, 3, "pcccc", "p--cc"},
		{"a success in between begins the count again", 0, 0, 3, "pccpccc", "p--p--c"},
		{"successes before passing", 3, 0, 0, "cpppp", "c--pp"},
		{"a failure in between begins the count again", 3, 0, 0, "cppcppp", "c--c--p"},
		{"a warning is a success: it shows at once", 0, 0, 3, "pwp", "pwp"},
		{"a warning is a success: it has to be earned after a failure", 2, 0, 0, "cwwp", "c-wp"},
		{"a warning is a success: it ends a row of failures", 0, 0, 2, "pcwcc", "p-w-c"},
		{"failures before warning", 0, 2, 4, "pccccc", "p-wwcc"},
		{"warning and critical at once", 0, 2, 2, "pcc", "p-c"},
		{"what passes from the start goes on passing", 5, 0, 0, "ppp", "ppp"},
		{"a failure after a first success is held back", 2, 0, 2, "pcpcc", "p---c"},
	} {
		t.Run(x.name, func(t *testing.T) {
			letters := map[byte]cluster.Status{'p': cluster.Passing, 'w': cluster.Warning, 'c': cluster.Critical}
			got := ""
			th := &thresholds{
				definition: cluster.CheckDefinition{SuccessBeforePassing: x.success, FailuresBeforeWarning: x.warning, FailuresBeforeCritical: x.failure},
				report:     func(r Result) { got += string(r.Status[0]) },
			}
			for i := range x.found {
				before := len(got)
				settled := th.take(Result{Status: letters[x.found[i]]})
				if len(got) == before {
					got += "-"
				}
				if want := got[i] == x.found[i]; settled != want {
					t.Errorf("run %d: settled is %v, want %v", i+1, settled, want)
				}
			}
			if got != x.want {
				t.Errorf("found %s: reported %s, want %s", x.found, got, x.want)
			}
		})
	}
}

func TestThresholdsReportValidText(t *testing.T) {
	var got Result
	th := &thresholds{report: func(r Result) { got = r }}
	th.take(Result{cluster.Passing, "a\xffb"})
	if got.Output != "a\uFFFDb" {
		t.Errorf("output %q", got.Output)
	}
}

func TestCaptureKeepsTheTail(t *testing.T) {
	for _, x := range []struct {
		limit  int
		writes []string
		want   string
	}{
		{4, nil, ""},
		{4, []string{"abcd"}, "abcd"},
		{4, []string{"ab", "cde"}, "Captured 4 of 5 bytes\n...\nbcde"},
		{4, []string{"abc", "def", "ghi", "jkl"}, "Captured 4 of 12 bytes\n...\nijkl"},
		{4, []string{"abcdefghijkl"}, "Captured 4 of 12 bytes\n...\nijkl"},
		{2, []string{"aé"}, "Captured 2 of 3 bytes\n...\né"},
		{1, []string{"aé"}, "Captured 1 of 3 bytes\n...\n\uFFFD"},
	} {
		c := &capture{limit: x.limit}
		for _, w := range x.writes {
			if n, err := c.Write([]byte(w)); n != len(w) || err != nil {
				t.Fatalf("wrote %d of %d bytes: %v", n, len(w), err)
			}
		}
		if c.String() != x.want {
			t.Errorf("limit %d, %q: %q, want %q", x.limit, x.writes, c, x.want)
		}
	}
}

func TestCaptureIsBounded(t *testing.T) {
	c := &capture{limit: 100}
	line := []byte(strings.Repeat("x", 60))
	for range 10_000 {
		_, _ = c.Write(line) // it cannot fail
	}
	if cap(c.kept) > 1000 {
		t.Errorf("a flood of %d bytes made the buffer %d", c.total, cap(c.kept))
	}
}
