package lease

import (
	"slices"
	"testing"
	"time"
)

// renewal lets a holder renew at a time.
func renewal(h *Holder, at time.Duration) *Renewal {
	r := &Renewal{Node: "a"}
	h.Renew(int64(at), r)
	return r
}

func grantOf(r *Renewal, claims ...Claim) *Answer {
	return &Answer{Seq: r.Seq, Term: 3, TTL: DefaultTTL, Granted: claims, Acknowledged: r.Released}
}

// deadline is that of the only grant, 0 for none.
func deadline(t *testing.T, grants []Grant) time.Duration {
	t.Helper()
	if len(grants) > 1 {
		t.Errorf("got %v, want one grant at most", grants)
	}
	for _, g := range grants {
		return time.Duration(g.Deadline)
	}
	return 0
}

func TestLeaseCountsFromTheRequest(t *testing.T) {
	h := NewHolder()
	c := Claim{"g", 1}
	h.Take(c, 0)
	r1 := renewal(h, time.Second)
	r2 := renewal(h, 1100*ms)
	if r1.Run == 0 || r1.Run != r2.Run || r2.Seq != r1.Seq+1 || !slices.Equal(r1.Claims, []Claim{c}) || r1.Live != nil {
		t.Errorf("got %+v and %+v", r1, r2)
	}
	if d := deadline(t, h.Granted(grantOf(r2, c))); d != 1100*ms+DefaultTTL {
		t.Errorf("the lease ends at %s, want TTL after the request", d)
	}
	if d := deadline(t, h.Granted(grantOf(r1, c))); d != 1100*ms+DefaultTTL {
		t.Errorf("an answer that comes late moves the end to %s", d)
	}
	r3 := renewal(h, 1200*ms)
	if !slices.Equal(r3.Live, []Claim{c}) || r3.Term != 3 {
		t.Errorf("got %+v, want that the claim lives, in term 3", r3)
	}
	a := grantOf(r3, c)
	a.TTL = time.Hour
	if d := deadline(t, h.Granted(a)); d != 1200*ms+MaxTTL {
		t.Errorf("a lease of an hour ends at %s, want MaxTTL after the request", d)
	}
}

func TestGrantsThatCountForNothing(t *testing.T) {
	c := Claim{"g", 1}
	for name, f := range map[string]func(h *Holder, r *Renewal) *Answer{
		"of another renewal":         func(_ *Holder, r *Renewal) *Answer { r.Seq += 7; return grantOf(r, c) },
		"the leader by itself":       func(_ *Holder, r *Renewal) *Answer { r.Seq = 0; return grantOf(r, c) },
		"another epoch":              func(_ *Holder, r *Renewal) *Answer { return grantOf(r, Claim{"g", 2}) },
		"another group":              func(_ *Holder, r *Renewal) *Answer { return grantOf(r, Claim{"h", 1}) },
		"given back":                 func(h *Holder, r *Renewal) *Answer { h.GiveBack("g"); return grantOf(r, c) },
		"dropped":                    func(h *Holder, r *Renewal) *Answer { h.Drop("g"); return grantOf(r, c) },
		"taken again since":          func(h *Holder, r *Renewal) *Answer { h.GiveBack("g"); h.Take(c, 0); return grantOf(r, c) },
		"dropped and taken again":    func(h *Holder, r *Renewal) *Answer { h.Drop("g"); h.Take(c, 0); return grantOf(r, c) },
		"of too many renewals ago":   func(h *Holder, r *Renewal) *Answer { many(h); return grantOf(r, c) },
		"an older leader than heard": func(h *Holder, r *Renewal) *Answer { h.Granted(&Answer{Term: 4}); return grantOf(r, c) },
		"of a process before this": func(h *Holder, r *Renewal) *Answer {
			a := grantOf(r, c)
			*h = *NewHolder()
			h.Take(c, 0)
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHolder()
			h.Take(c, 0)
			r := renewal(h, time.Second)
			if grants := h.Granted(f(h, r)); len(grants) > 0 {
				t.Errorf("it counts: %v", grants)
			}
		})
	}
}

func many(h *Holder) {
	for range maxSent {
		h.Renew(0, &Renewal{})
	}
}

func TestGiveBackIsRepeated(t *testing.T) {
	h := NewHolder()
	h.Take(Claim{"g", 1}, 0)
	h.Take(Claim{"h", 2}, 0)
	h.GiveBack("g")
	h.GiveBack("unknown")
	r1 := renewal(h, time.Second)
	h.GiveBack("h")
	r2 := renewal(h, time.Second)
	if !slices.Equal(r1.Released, []Claim{{"g", 1}}) || !slices.Equal(r2.Released, []Claim{{"g", 1}, {"h", 2}}) || len(r2.Claims) > 0 {
		t.Errorf("got %v and %v, claims %v", r1.Released, r2.Released, r2.Claims)
	}
	h.Granted(&Answer{Seq: r1.Seq, Term: 3, Acknowledged: r1.Released})
	if r := renewal(h, time.Second); !slices.Equal(r.Released, []Claim{{"h", 2}}) {
		t.Errorf("got %v, want only what was not acknowledged", r.Released)
	}
	h.Granted(&Answer{Term: 3, Acknowledged: []Claim{{"h", 2}}})
	r := renewal(h, time.Second)
	if len(r.Released) != 1 || !h.Owed() {
		t.Error("something that is no answer acknowledged a release")
	}
	if h.Granted(grantOf(r)); h.Owed() {
		t.Error("a release is owed though it was acknowledged")
	}
}

func TestAgain(t *testing.T) {
	h := NewHolder()
	h.Take(Claim{"g", 1}, 0)
	renewal(h, time.Second)
	hello := &Answer{Term: 3}
	h.Granted(hello)
	if !h.Again(int64(time.Second), hello) {
		t.Error("a new leader hears nothing of its term")
	}
	r := renewal(h, time.Second)
	h.Granted(hello)
	if h.Again(int64(time.Second), hello) {
		t.Error("a leader that was told is told again")
	}
	vacant := &Answer{Term: 3, Vacant: []Claim{{"h", 1}, {"g", 1}}}
	if !h.Again(int64(time.Second), vacant) {
		t.Error("what is vacant is not claimed")
	}
	if h.Again(int64(time.Second), &Answer{Term: 3, Vacant: []Claim{{"g", 2}, {"h", 1}}}) {
		t.Error("what is another's is claimed")
	}
	h.Granted(grantOf(r, Claim{"g", 1}))
	if h.Again(int64(time.Second), vacant) {
		t.Error("what it holds is claimed again")
	}
	if !h.Again(int64(time.Second+DefaultTTL), vacant) {
		t.Error("what it held is not claimed")
	}
}

// lapsed are the groups whose lease has run out at this time. They are claimed still.
func lapsed(h *Holder, now int64) []string {
	var out []string
	for g, x := range h.held {
		if x.deadline > 0 && x.deadline <= now {
			out = append(out, g)
		}
	}
	slices.Sort(out)
	return out
}

func TestLapsed(t *testing.T) {
	h := NewHolder()
	h.Take(Claim{"g", 1}, 0)
	h.Take(Claim{"h", 1}, int64(2*time.Second)) // an earlier process left it open
	if got := lapsed(h, int64(time.Second)); got != nil {
		t.Errorf("%v has lapsed", got)
	}
	if r := renewal(h, time.Second); !slices.Equal(r.Live, []Claim{{"h", 1}}) {
		t.Errorf("%v lives, want h", r.Live)
	}
	if got := lapsed(h, int64(2*time.Second)); !slices.Equal(got, []string{"h"}) {
		t.Errorf("%v has lapsed, want h", got)
	}
	if r := renewal(h, 2*time.Second); r.Live != nil {
		t.Errorf("%v lives", r.Live)
	}
}
