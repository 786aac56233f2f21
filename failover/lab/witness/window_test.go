package witness

import (
	"slices"
	"testing"
	"time"
)

// w is a window in milliseconds.
func w(from, to int) Window {
	return Window{time.Duration(from) * time.Millisecond, time.Duration(to) * time.Millisecond}
}

func TestMerge(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name      string
		in        []Window
		tolerance time.Duration
		want      []Window
	}{
		{"none", nil, 0, nil},
		{"apart, unsorted", []Window{w(5, 6), w(1, 2)}, 0, []Window{w(1, 2), w(5, 6)}},
		{"touching", []Window{w(1, 2), w(2, 3)}, 0, []Window{w(1, 3)}},
		{"one in another", []Window{w(1, 9), w(2, 3)}, 0, []Window{w(1, 9)}},
		{"close", []Window{w(1, 2), w(4, 5)}, 2 * ms, []Window{w(1, 5)}},
		{"not close enough", []Window{w(1, 2), w(5, 6)}, 2 * ms, []Window{w(1, 2), w(5, 6)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := merge(tt.in, tt.tolerance); !slices.Equal(got, tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestIntersect(t *testing.T) {
	a := []Window{w(0, 10), w(20, 30)}
	tests := []struct {
		name string
		b    []Window
		want []Window
	}{
		{"apart", []Window{w(12, 18)}, nil},
		{"touching is nothing", []Window{w(10, 20)}, nil},
		{"across both", []Window{w(5, 25)}, []Window{w(5, 10), w(20, 25)}},
		{"inside", []Window{w(21, 22)}, []Window{w(21, 22)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := intersect(a, tt.b); !slices.Equal(got, tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWithin(t *testing.T) {
	spans := []Window{w(0, 10), w(20, 30)}
	for _, tt := range []struct {
		w    Window
		want bool
	}{
		{w(0, 10), true}, {w(21, 22), true}, {w(9, 11), false}, {w(5, 25), false}, {w(12, 13), false},
	} {
		if got := tt.w.within(spans); got != tt.want {
			t.Errorf("%v within %v = %v", tt.w, spans, got)
		}
	}
	if got := total(spans); got != 20*time.Millisecond {
		t.Errorf("total is %s", got)
	}
}
