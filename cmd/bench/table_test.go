package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	tab := newTable([]string{"/usr/bin/consul", "bin/holdfast"})
	writes, cpu, lone := figure{"PUT", "/s", false}, figure{"PUT: servers' CPU", "s per 10,000", true}, figure{"kill", "s", true}
	for _, v := range []float64{900, 1000, 5000} {
		tab.add(0, writes, v)
		tab.add(1, writes, 2*v)
	}
	tab.add(0, cpu, 3.456)
	tab.add(1, cpu, 0.8642)
	tab.add(1, lone, 12.34)
	var out strings.Builder
	tab.print(&out)
	want := `
                   unit          better  consul  holdfast  ratio
PUT                /s            more    1000    2000      2.00
PUT: servers' CPU  s per 10,000  less    3.46    0.864     0.25
kill               s             less    -       12.3
`
	if got := out.String(); got != want[1:] {
		t.Errorf("it is\n%s\nwant\n%s", got, want[1:])
	}
}

func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		p      int
		want   float64
	}{{nil, 50, 0}, {[]float64{3}, 99, 3}, {[]float64{3, 1, 2}, 50, 2}, {[]float64{4, 3, 2, 1}, 99, 4}, {[]float64{1, 2}, 0, 1}} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("percentile %d of %v is %v, want %v", c.p, c.values, got, c.want)
		}
	}
}
