package witness

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var testRules = Rules{Patience: 50 * time.Millisecond, MaxGap: 12 * time.Millisecond}

// by makes a client's question answered by a machine.
func by(machine string, at, wait int) Ask {
	a := asked(at, wait)
	a.By = machine
	return a
}

func TestReportClient(t *testing.T) {
	out := func(from, to int, before, after string, unanswered int) Outage {
		return Outage{Window: w(from, to), Before: before, After: after, Unanswered: unanswered}
	}
	tests := []struct {
		name    string
		asks    []Ask
		outages []Outage
		heard   string
	}{
		{"nothing asked", nil, nil, ""},
		{"all answered", []Ask{by("n1", 0, 1), by("n1", 3, 1)}, nil, "n1"},
		{"a move without a gap", []Ask{by("n1", 0, 1), by("n2", 3, 1)}, nil, "n1 n2"},
		{"a gap", []Ask{by("n1", 0, 1), asked(3, -1), asked(6, -1), by("n2", 9, 1)}, []Outage{out(0, 9, "n1", "n2", 2)}, "n1 n2"},
		{"a wait as long as a gap", []Ask{by("n1", 0, 1), by("n2", 3, 60), by("n2", 63, 1)}, []Outage{out(0, 63, "n1", "n2", 1)}, "n1 n2"},
		{"a probe that was held up", []Ask{by("n1", 0, 1), by("n1", 500, 1)}, nil, "n1"},
		{"not answered at first", []Ask{asked(1, -1), asked(3, -1), by("n1", 6, 1)}, []Outage{out(1, 6, "", "n1", 2)}, "n1"},
		{"not answered in the end", []Ask{by("n1", 0, 1), asked(3, -1)}, []Outage{out(0, 1000, "n1", "", 1)}, "n1"},
		{"too young to judge", []Ask{by("n1", 0, 1), asked(1001, -1)}, nil, "n1"},
		{"two gaps", []Ask{by("a", 0, 1), asked(1, -1), by("a", 2, 1), asked(3, -1), by("a", 9, 1)}, []Outage{out(0, 2, "a", "a", 1), out(2, 9, "a", "a", 1)}, "a"},
		{"not sent", []Ask{by("a", 0, 1), {Sent: Unsent}, by("a", 9, 1)}, nil, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Report
			r.client(tt.asks, time.Second, testRules)
			if !slices.Equal(r.Outages, tt.outages) {
				t.Errorf("outages %v, want %v", r.Outages, tt.outages)
			}
			var longest, sum time.Duration
			for _, o := range tt.outages {
				longest, sum = max(longest, o.Length()), sum+o.Length()
			}
			if r.Outage != longest || r.OutageTotal != sum {
				t.Errorf("outage %s, total %s, want %s and %s", r.Outage, r.OutageTotal, longest, sum)
			}
			var heard []string
			for _, h := range r.Heard {
				heard = append(heard, h.Machine)
			}
			if got := strings.Join(heard, " "); got != tt.heard {
				t.Errorf("heard %q, want %q", got, tt.heard)
			}
		})
	}
}

// series is a track of unicast questions every 3 ms, answered within the windows in 1 ms.
func series(machine string, windows ...Window) Track {
	t := Track{Machine: machine, Method: ByUnicast}
	for at := 0; at < 300; at += 3 {
		wait := -1
		if w(at, at+1).within(windows) {
			wait = 1
		}
		t.Asks = append(t.Asks, asked(at, wait))
	}
	return t
}

func TestReportTwo(t *testing.T) {
	lone := func(machine string, at, wait int) Track {
		return Track{Machine: machine, Method: ByUnicast, Asks: []Ask{asked(at, wait)}}
	}
	tests := []struct {
		name     string
		tracks   []Track
		min, max int // milliseconds
	}{
		{"one owner", []Track{series("a", w(0, 300)), series("b")}, 0, 0},
		{"an orderly move", []Track{series("a", w(0, 100)), series("b", w(101, 300))}, 0, 0},
		{"there and back", []Track{series("a", w(0, 100), w(200, 300)), series("b", w(101, 199))}, 0, 0},
		{"two for 100 ms", []Track{series("a", w(0, 200)), series("b", w(100, 300))}, 94, 100},
		{"two all along, the second answering every now and then", []Track{series("a", w(0, 300)), series("b", w(30, 34), w(50, 54), w(70, 74))}, 1, 12},
		{"one answer amid another's", []Track{series("a", w(0, 300)), lone("b", 100, 1)}, 1, 2},
		{"an answer that may be older than the move", []Track{series("b", w(100, 300)), lone("a", 90, 20)}, 1, 20},
		{"a question before the move, its answer kept for after it", []Track{series("b", w(100, 200)), lone("a", 90, 50)}, 1, 50},
		{"an answer that nobody can place", []Track{series("a", w(0, 100)), lone("b", 95, 20)}, 0, 0},
		{"one machine, two methods", []Track{series("a", w(0, 200)), {Machine: "a", Method: ByOwner, Asks: series("a", w(100, 300)).Asks}}, 0, 0},
		{"three", []Track{series("a", w(0, 200)), series("b", w(100, 300)), series("c", w(150, 300))}, 190, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Report
			r.owners(tt.tracks, testRules)
			if r.Two < time.Duration(tt.min)*time.Millisecond || r.Two > time.Duration(tt.max)*time.Millisecond {
				t.Errorf("two at once for %s, want %d to %d ms: %v", r.Two, tt.min, tt.max, r.Overlaps)
			}
			if (r.Two > 0) != (len(r.Overlaps) > 0) {
				t.Errorf("two %s, but overlaps %v", r.Two, r.Overlaps)
			}
		})
	}
}

// world is a made-up run: who serves when, and a probe whose every step may be delayed.
type world struct {
	*rand.Rand

	serves map[string][]Window
	length time.Duration
}

// delay is mostly some microseconds, now and then up to 60 ms.
func (o world) delay() time.Duration {
	if o.IntN(20) == 0 {
		return time.Duration(o.IntN(60_000)) * time.Microsecond
	}
	return time.Duration(1+o.IntN(200)) * time.Microsecond
}

func (o world) serving(machine string, at time.Duration) bool {
	return Window{at, at}.within(o.serves[machine])
}

// track asks a machine every 3 ms, in the way of a method, with all delays.
func (o world) track(machine string, method Method) Track {
	t := Track{Machine: machine, Method: method}
	for at := time.Duration(1); at < o.length; at += 3*time.Millisecond + o.delay() {
		a := Ask{Sent: at}
		arrives := at + o.delay()
		a.SentBy = arrives
		leaves := arrives
		if method == ByUnicast {
			a.Stamp = arrives + o.delay()
			leaves = a.Stamp + o.delay()
		}
		if o.serving(machine, arrives) && o.serving(machine, leaves) {
			a.Heard = leaves + o.delay()
		} else {
			a.Stamp = 0
		}
		t.Asks = append(t.Asks, a)
	}
	return t
}

func (o world) report() (r Report) {
	var tracks []Track
	for machine := range o.serves {
		tracks = append(tracks, o.track(machine, ByUnicast), o.track(machine, ByOwner))
	}
	r.owners(tracks, testRules)
	return r
}

// TestReportNeverInventsTwo moves an address in good order at random times, a microsecond between release and claim, and delays everything.
// No machine gets it back sooner than the rules' gap.
func TestReportNeverInventsTwo(t *testing.T) {
	for seed := range uint64(2000) {
		o := world{Rand: rand.New(rand.NewPCG(seed, 1)), serves: make(map[string][]Window), length: time.Second}
		machines := []string{"a", "b", "c"}
		for at := time.Duration(0); at < o.length; {
			next := at + testRules.MaxGap + time.Duration(o.IntN(150_000))*time.Microsecond
			m := machines[o.IntN(len(machines))]
			o.serves[m] = append(o.serves[m], Window{at, next})
			at = next + time.Microsecond
		}
		if r := o.report(); r.Two != 0 {
			t.Fatalf("seed %d: two at once for %s where never two served: %v\n%v", seed, r.Two, r.Overlaps, o.serves)
		}
	}
}

// TestReportFindsTwo lets two machines serve at once for 200 ms.
func TestReportFindsTwo(t *testing.T) {
	for seed := range uint64(1000) {
		o := world{Rand: rand.New(rand.NewPCG(seed, 2)), length: time.Second}
		from := time.Duration(300+o.IntN(200)) * time.Millisecond
		o.serves = map[string][]Window{"a": {{0, from + 200*time.Millisecond}}, "b": {{from, o.length}}}
		r := o.report()
		if r.Two < 30*time.Millisecond || r.Two > 200*time.Millisecond {
			t.Fatalf("seed %d: two at once for %s where it was 200 ms: %v", seed, r.Two, r.Overlaps)
		}
	}
}

func TestReportText(t *testing.T) {
	r := Report{VIP: netip.MustParseAddr("10.77.0.100"), Took: time.Second}
	r.client([]Ask{by("n1", 0, 1), by("n1", 3, 1), asked(6, -1), by("n2", 812, 1), asked(900, -1)}, time.Second, testRules)
	r.owners([]Track{series("n1", w(0, 200)), series("n2", w(100, 300))}, testRules)
	r.paces([]Ask{asked(0, 1), asked(3, 1), {Sent: Unsent}, asked(6, 1), asked(20, -1)})
	want := "10.77.0.100: answered by n1 -> n2 -> nobody, outage 809.0 ms, two at once 96.0 ms (3 of 5 answered, asked every 3.0 ms)"
	if got := r.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, line := range []string{
		"no machine unseen for more than 14.0 ms",
		"outage   3.0..812.0 ms: 809.0, n1 -> n2, 1 questions",
		"outage   812.0..1000.0 ms: 188.0, n2 -> nobody, 1 questions",
		"heard    0..3.0 ms: n1, 2 answers",
		"served   n1, by unicast, 67 answers: 1.0..199.0 ms",
		"TWO      103.0..199.0 ms: 96.0, n1 and n2",
	} {
		if got := r.Detail(); !strings.Contains(got, line+"\n") {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
	if got := (Report{VIP: r.VIP}).String(); !strings.Contains(got, "answered by nobody, outage 0 ms, two at once 0 ms") {
		t.Errorf("empty report: %s", got)
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                       "0",
		time.Microsecond:        "0.001",
		999 * time.Microsecond:  "0.999",
		1500 * time.Microsecond: "1.5",
		time.Minute:             "60000.0",
	} {
		if got := millis(d); got != want {
			t.Errorf("millis(%s) = %s, want %s", d, got, want)
		}
	}
}
