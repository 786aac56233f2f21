package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Preview is what would become of a file.
type Preview struct {
	Destination string
	Have, Text  string // what the file says, and what it would say
	New         bool   // there is no file
}

// around is how many lines of what stays are shown around a change.
const around = 3

// maxCells bounds the search for what two texts have in common. Where it would take more, the whole differs.
const maxCells = 4_000_000

// Diff is the change in the unified form of diff and patch, "" where nothing changes.
func (p Preview) Diff() string {
	if !p.New && p.Have == p.Text {
		return ""
	}
	from := p.Destination
	if p.New {
		from = "/dev/null"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, p.Destination)
	edits := compare(slices.Collect(strings.Lines(p.Have)), slices.Collect(strings.Lines(p.Text)))
	for _, h := range hunks(edits) {
		h.write(&out)
	}
	return out.String()
}

// edit is a line that stays (' '), goes ('-') or comes ('+').
type edit struct {
	kind byte
	line string
}

// compare is how a becomes b.
func compare(a, b []string) []edit {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	end := 0
	for end < len(a)-head && end < len(b)-head && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var out []edit
	for _, l := range a[:head] {
		out = append(out, edit{' ', l})
	}
	out = append(out, middle(a[head:len(a)-end], b[head:len(b)-end])...)
	for _, l := range a[len(a)-end:] {
		out = append(out, edit{' ', l})
	}
	return out
}

// middle finds the longest common run of lines by its table of lengths.
func middle(a, b []string) (out []edit) {
	if len(a)*len(b) > maxCells {
		for _, l := range a {
			out = append(out, edit{'-', l})
		}
		for _, l := range b {
			out = append(out, edit{'+', l})
		}
		return out
	}
	longest := make([][]int32, len(a)+1)
	for i := range longest {
		longest[i] = make([]int32, len(b)+1)
	}
	for i, from := range slices.Backward(a) {
		for j, to := range slices.Backward(b) {
			if from == to {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, edit{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || (i < len(a) && longest[i+1][j] >= longest[i][j+1]):
			out = append(out, edit{'-', a[i]})
			i++
		default:
			out = append(out, edit{'+', b[j]})
			j++
		}
	}
	return out
}

// hunk is changes that lie close together, with the lines around them.
type hunk struct {
	from, to int // the first line, counted from 1, of either side
	edits    []edit
}

func hunks(edits []edit) (out []hunk) {
	from, to := 1, 1
	last := -1 // the last change, as a position in edits
	for i, e := range edits {
		if e.kind != ' ' {
			begin := max(0, i-around)
			if last >= 0 && begin <= last+around+1 {
				h := &out[len(out)-1]
				h.edits = append(h.edits, edits[last+1:i+1]...)
			} else {
				if last >= 0 {
					finish(&out[len(out)-1], edits, last)
				}
				out = append(out, hunk{from: from - (i - begin), to: to - (i - begin), edits: slices.Clone(edits[begin : i+1])})
			}
			last = i
		}
		if e.kind != '+' {
			from++
		}
		if e.kind != '-' {
			to++
		}
	}
	if last >= 0 {
		finish(&out[len(out)-1], edits, last)
	}
	return out
}

// finish adds the lines after the last change of a hunk.
func finish(h *hunk, edits []edit, last int) {
	h.edits = append(h.edits, edits[last+1:min(len(edits), last+1+around)]...)
}

func (h hunk) write(out *strings.Builder) {
	var gone, come int
	for _, e := range h.edits {
		if e.kind != '+' {
			gone++
		}
		if e.kind != '-' {
			come++
		}
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(h.from, gone), span(h.to, come))
	for _, e := range h.edits {
		out.WriteByte(e.kind)
		out.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func span(first, lines int) string {
	if lines == 0 {
		first--
	}
	if lines == 1 {
		return strconv.Itoa(first)
	}
	return fmt.Sprintf("%d,%d", first, lines)
}
