package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// figure is one row of the table.
type figure struct {
	name, unit string
	less       bool // less is better
}

// table holds every value of every figure, by binary.
type table struct {
	names []string
	rows  []figure
	cells map[figure][][]float64
}

func newTable(binaries []string) *table {
	t := &table{cells: map[figure][][]float64{}}
	for _, b := range binaries {
		t.names = append(t.names, filepath.Base(b))
	}
	return t
}

func (t *table) add(binary int, f figure, value float64) {
	if t.cells[f] == nil {
		t.rows = append(t.rows, f)
		t.cells[f] = make([][]float64, len(t.names))
	}
	t.cells[f][binary] = append(t.cells[f][binary], value)
}

// print writes the medians, and the ratio of the last binary to the first.
func (t *table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\tunit\tbetter")
	for _, n := range t.names {
		fmt.Fprint(w, "\t", n)
	}
	if len(t.names) > 1 {
		fmt.Fprint(w, "\tratio")
	}
	fmt.Fprintln(w)
	for _, f := range t.rows {
		better := "more"
		if f.less {
			better = "less"
		}
		fmt.Fprintf(w, "%s\t%s\t%s", f.name, f.unit, better)
		for i := range t.names {
			fmt.Fprint(w, "\t", short(t.cells[f][i]))
		}
		first, last := t.cells[f][0], t.cells[f][len(t.names)-1]
		if len(t.names) > 1 && len(first) > 0 && len(last) > 0 && median(first) > 0 {
			fmt.Fprintf(w, "\t%.2f", median(last)/median(first))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
}

// short is the median with three digits, "-" where nothing was measured.
func short(values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	switch m := median(values); {
	case m >= 100:
		return fmt.Sprintf("%.0f", m)
	case m >= 10:
		return fmt.Sprintf("%.1f", m)
	case m >= 1:
		return fmt.Sprintf("%.2f", m)
	default:
		return fmt.Sprintf("%.3f", m)
	}
}

func median(values []float64) float64 { return percentile(values, 50) }

// percentile is the value that p percent of the values do not exceed, 0 of none.
func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}
