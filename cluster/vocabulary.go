package cluster

import (
	"slices"
	"strconv"
	"strings"
)

// Vocabulary is the numbers of the commands of the log that a member can apply, as it announces them (TagCommands): "1-11+13+15-17". Those that
// a member may skip are not in it. What cannot be read in one from another member is not in it.
type Vocabulary string

// FirstVocabulary is that of 0.1.0, whose members announce none.
const FirstVocabulary Vocabulary = "1-11"

// NewVocabulary writes runs of numbers as ranges.
func NewVocabulary(numbers []byte) Vocabulary {
	slices.Sort(numbers)
	var ranges []string
	for len(numbers) > 0 {
		n := 1
		for n < len(numbers) && int(numbers[n]) == int(numbers[0])+n {
			n++
		}
		r := strconv.Itoa(int(numbers[0]))
		if n > 1 {
			r += "-" + strconv.Itoa(int(numbers[n-1]))
		}
		ranges, numbers = append(ranges, r), numbers[n:]
	}
	return Vocabulary(strings.Join(ranges, "+"))
}

// Has reports whether a number is in v.
func (v Vocabulary) Has(number byte) bool {
	for r := range strings.SplitSeq(string(v), "+") {
		first, last, isRange := strings.Cut(r, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 8)
		to, err2 := strconv.ParseUint(last, 10, 8)
		if err == nil && err2 == nil && from <= uint64(number) && uint64(number) <= to {
			return true
		}
	}
	return false
}

// Covers reports whether all of other is in v.
func (v Vocabulary) Covers(other Vocabulary) bool {
	for n := range 256 {
		if other.Has(byte(n)) && !v.Has(byte(n)) {
			return false
		}
	}
	return true
}
