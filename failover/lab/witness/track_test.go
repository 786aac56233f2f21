package witness

import (
	"slices"
	"testing"
	"time"
)

// asked is a question at a millisecond, answered (stamped) after wait and heard as much later again; wait < 0 is no answer.
func asked(at, wait int) Ask {
	a := Ask{Sent: w(at, at).From, SentBy: w(at, at).From}
	if wait >= 0 {
		a.Stamp, a.Heard = w(0, at+wait).To, w(0, at+2*wait).To
	}
	return a
}

func TestSpans(t *testing.T) {
	const maxGap = 30 * time.Millisecond
	gone := Ask{Sent: Unsent}
	tests := []struct {
		name string
		asks []Ask
		want []Window
	}{
		{"nothing asked", nil, nil},
		{"never answered", []Ask{asked(0, -1), asked(3, -1)}, nil},
		{"one answer proves an instant", []Ask{asked(0, 1)}, []Window{w(1, 1)}},
		{"from first acceptance to last reply", []Ask{asked(0, 1), asked(3, 1), asked(6, 1)}, []Window{w(1, 7)}},
		{"a miss ends it", []Ask{asked(0, 1), asked(3, 1), asked(6, -1), asked(9, 1), asked(12, 1)}, []Window{w(1, 4), w(10, 13)}},
		{"what was never sent says nothing", []Ask{asked(0, 1), gone, asked(6, 1)}, []Window{w(1, 7)}},
		{"unasked for too long", []Ask{asked(0, 1), asked(31, 1)}, []Window{w(1, 1), w(32, 32)}},
		{"a reply that took too long", []Ask{asked(0, 1), asked(3, 200)}, []Window{w(1, 1)}},
		{"a first reply that took long", []Ask{asked(0, 20), asked(3, 1), asked(6, 1)}, []Window{w(4, 7)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Track{Asks: tt.asks}).spans(maxGap); !slices.Equal(got, tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMoments(t *testing.T) {
	arp := Ask{Sent: w(5, 5).From, Heard: w(8, 8).From}
	tr := Track{Asks: []Ask{asked(0, 1), asked(3, -1), arp}}
	want := []Window{w(0, 1), w(1, 2), w(5, 8)}
	if got := tr.moments(); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	// Without a stamp, the answer may have left as early as the question did, and the question been accepted as late as the answer was heard.
	if got := (Track{Asks: []Ask{arp, {Sent: w(8, 8).From, Heard: w(9, 9).From}}}).spans(time.Second); !slices.Equal(got, []Window{w(8, 8)}) {
		t.Fatalf("spans without stamps: %v", got)
	}
}
