package verb

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Table prints rows in columns. On a terminal no line is longer than that is wide; in a pipe nothing is left out.
func Table(w io.Writer, head []string, rows [][]string) error {
	all := append([][]string{head}, rows...)
	if width := terminalWidth(w); width > 0 {
		all = fit(all, width)
	}
	t := tabwriter.NewWriter(w, 0, 4, gap, ' ', 0)
	for _, r := range all {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush()
}

const (
	gap      = 2 // blanks between columns
	narrow   = 8 // no column is made narrower
	ellipsis = "…"
)

// terminalWidth is how many characters a line of the terminal has that w is, 0 where w is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// fit shortens the cells of the widest columns until a row has room in width.
func fit(rows [][]string, width int) [][]string {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	total := gap * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	for ; total > width; total-- {
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] <= narrow {
			break
		}
		widths[widest]--
	}
	out := make([][]string, len(rows))
	for n, r := range rows {
		for i, cell := range r {
			out[n] = append(out[n], shorten(cell, widths[i]))
		}
	}
	return out
}

// shorten cuts a text to a width in characters.
func shorten(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:width-1]), " ") + ellipsis
}

// OrDash is s, or a dash for nothing.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
