package verb

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Table prints rows in columns. On a terminal no line is longer than that is wide, and words that say how something is are coloured (unless
// NO_COLOR is set); in a pipe nothing is left out and nothing is added.
func Table(w io.Writer, head []string, rows [][]string) error {
	all := append([][]string{head}, rows...)
	paint := func(_ int, cell string) string { return cell }
	if width := terminalWidth(w); width > 0 {
		all = fit(all, width)
		if os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
			paint = coloured
		}
	}
	out := bufio.NewWriter(w)
	widths := widthsOf(all)
	for n, r := range all {
		for i, cell := range r {
			_, _ = out.WriteString(paint(n, cell)) // Flush tells
			if i < len(r)-1 {
				_, _ = out.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
			}
		}
		_ = out.WriteByte('\n')
	}
	return out.Flush()
}

const (
	gap      = 2 // blanks between columns
	narrow   = 8 // no column is made narrower
	ellipsis = "…"
)

// The colours of the words that say how something is.
var colours = map[string]string{
	"alive": "32", "live": "32", "passing": "32", "leader": "32",
	"leaving": "33", "left": "33", "warning": "33",
	"failed": "31", "lost": "31", "critical": "31",
}

// coloured is a cell as a terminal shows it: the head in bold, what is well in green, what is not in yellow or red.
func coloured(row int, cell string) string {
	colour := colours[cell]
	if row == 0 {
		colour = "1"
	}
	if colour == "" {
		return cell
	}
	return "\x1b[" + colour + "m" + cell + "\x1b[0m"
}

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

// widthsOf is how wide each column must be.
func widthsOf(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// fit shortens the cells of the widest columns until a row has room in width.
func fit(rows [][]string, width int) [][]string {
	widths := widthsOf(rows)
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
