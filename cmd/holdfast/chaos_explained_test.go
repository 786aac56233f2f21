package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cmd/holdfast/stage"
	"holdfast/failover/lab"
	"holdfast/httpapi/group"
)

// timeline is all of it, in the order in which it was written.
func (r *chaos) timeline(ctx context.Context) (out []group.Transition, err error) {
	err = r.Get(ctx, r.Machines()[0], "/v1/failover/timeline?limit=0", &out)
	return out, err
}

// reasons tell what the reasons of assignments mean: of which kinds the fault has to be that is behind one, and whether it has to be upon the machine
// that lost the group. A reason that none of them fits explains nothing.
var reasons = []struct {
	why   *regexp.Regexp
	upon  bool // the first submatch is the machine that lost it
	kinds []string
}{
	{regexp.MustCompile(`(?:^|; )(n\d) cannot hold it: (?:no lease renewal from it for|it has not opened a lease channel to)`), true, lossy},
	{regexp.MustCompile(`(?:^|; )(n\d) cannot hold it: eth0 (?:is down, or has no carrier|is gone)`), true, []string{"cable", "power"}},
	{regexp.MustCompile(`(?:^|; )(n\d) cannot hold it: its daemon is stopping: `), true, []string{"stop"}},
	{regexp.MustCompile(`(?:^|; )(n\d) cannot hold it: its service "web" is critical: check "Service 'web' check" \(.*(?:sleep|process)`), true, []string{"process", "power"}},
	{regexp.MustCompile(`(?:^|; )(n\d) cannot hold it: its service "web" is critical: check "Service 'web' check"`), true, []string{"check", "power"}},
	{regexp.MustCompile(`^an operator (?:moved it|chose to keep it on)`), false, []string{"move", "takeover", "delete"}},
	{regexp.MustCompile(`^its addresses were changed; `), false, []string{"vip", "takeover", "delete", "put back"}},
	{regexp.MustCompile(`^n\d is the best machine \(`), false, nil}, // nobody had it: what took it from the last holder has an entry of its own
	{regexp.MustCompile(`^(?:the group was created again|no machine is eligible$)`), false, nil},
}

// effectTime is how long after its end a fault may still move a group: a lease ends, a leader is elected, a daemon starts, on a machine that is busy.
const effectTime = 6 * time.Second

// explained compares the timeline with what was done to the cluster and with what was seen on the wire.
type explained struct {
	t        *testing.T
	began    time.Time
	injuries []stage.Injury
	timeline []group.Transition
	still    *stillness
}

// assignments wants every assignment of the round to be due to a fault, or to an order, of the kind that its reason names.
func (x *explained) assignments() {
	x.t.Helper()
	for _, e := range x.timeline {
		if e.Kind != "assign" || e.Time.Before(x.began) {
			continue
		}
		if err := x.due(e); err != nil {
			x.t.Error(err)
		}
	}
}

// due says in an error why an assignment is not due to what was done.
func (x *explained) due(e group.Transition) error {
	at := e.Time.Sub(x.began)
	for _, r := range reasons {
		m := r.why.FindStringSubmatch(e.Why)
		if m == nil {
			continue
		}
		if r.kinds == nil {
			return nil
		}
		ok := slices.ContainsFunc(x.injuries, func(i stage.Injury) bool {
			return slices.Contains(r.kinds, i.Kind) && i.From <= at && (i.To > at || at-i.To < effectTime) && (!r.upon || slices.Contains(i.On, m[1]))
		})
		if !ok && r.upon && x.still.within(e.Time.Add(-effectTime), e.Time) > stillNews {
			x.t.Logf("%.3fs: %q is laid to this whole machine, which stood still", at.Seconds(), e.Why)
			return nil
		}
		if !ok {
			return fmt.Errorf("%.3fs: epoch %d of %s went to %q because %q, and none of %v was in force", at.Seconds(), e.Epoch, e.Group, e.Node, e.Why, r.kinds)
		}
		return nil
	}
	return fmt.Errorf("%.3fs: epoch %d of %s went to %q because %q: that names nothing that was done", at.Seconds(), e.Epoch, e.Group, e.Node, e.Why)
}

// turn is a time through which a machine served an address, as seen on the wire.
type turn struct {
	machine  string
	from, to time.Time
}

// turns are who served an address, one after the other.
func turns(rep lab.Report) []turn {
	var all []turn
	for _, s := range rep.Serving {
		for _, w := range s.Windows {
			all = append(all, turn{s.Machine, rep.Began.Add(w.From), rep.Began.Add(w.To)})
		}
	}
	slices.SortFunc(all, func(a, b turn) int { return a.from.Compare(b.from) })
	var out []turn
	for _, w := range all {
		if n := len(out); n > 0 && out[n-1].machine == w.machine {
			if w.to.After(out[n-1].to) {
				out[n-1].to = w.to
			}
			continue
		}
		out = append(out, w)
	}
	return out
}

// moves wants the timeline to tell of every change of owner that was seen on the wire: which group went from whom to whom, and when.
func (x *explained) moves(rep lab.Report) {
	x.t.Helper()
	ts := turns(rep)
	for i := 1; i < len(ts); i++ {
		if err := x.move(rep.VIP, ts[i-1], ts[i]); err != nil {
			x.t.Errorf("%.3fs: %s went from %s to %s: %v", ts[i].from.Sub(x.began).Seconds(), rep.VIP, ts[i-1].machine, ts[i].machine, err)
		}
	}
}

func (x *explained) move(vip netip.Addr, a, b turn) error {
	to, err := x.assigned(vip, b)
	if err != nil {
		return err
	}
	from, err := x.assigned(vip, a)
	if err != nil {
		return err
	}
	if from.Group == to.Group && from.Epoch >= to.Epoch {
		return fmt.Errorf("the timeline has %s in epoch %d and %s in epoch %d", a.machine, from.Epoch, b.machine, to.Epoch)
	}
	// What took it from the former holder is the entry after the one that gave it to it.
	for _, e := range x.timeline {
		switch {
		case e.Group != from.Group || e.Time.Before(from.Time) || e.Time.After(b.from):
		case e.Kind == "group" && e.Time.After(from.Time):
			return nil // an order, of which the entry is told
		case e.Kind == "assign" && e.Epoch > from.Epoch:
			if e.Node != a.machine && lost.MatchString(e.Why) && !strings.Contains(e.Why, a.machine+" cannot hold it: ") {
				return fmt.Errorf("the reason is another machine's: %q", e.Why)
			}
			return nil
		}
	}
	return fmt.Errorf("nothing says why %s lost %s after epoch %d", a.machine, from.Group, from.Epoch)
}

var lost = regexp.MustCompile(`n\d cannot hold it: `)

// assigned is the assignment by which a machine served an address: the last one to it, in one of the groups, before it was seen to, of which it has told that
// it acquired the address. One that was killed, or cut off, may have taken its word with it.
func (x *explained) assigned(vip netip.Addr, t turn) (*group.Transition, error) {
	last := map[string]*group.Transition{}
	for i, e := range x.timeline {
		if e.Kind != "assign" || e.Node != t.machine || !e.Time.Before(t.from) || last[e.Group] != nil && e.Epoch < last[e.Group].Epoch {
			continue
		}
		if told, with := x.acquired(vip, &x.timeline[i]); !told || with { // one whose addresses were changed is seen to serve them for milliseconds more
			last[e.Group] = &x.timeline[i]
		}
	}
	latest := slices.SortedFunc(maps.Values(last), func(a, b *group.Transition) int { return b.Time.Compare(a.Time) })
	if len(latest) == 0 {
		return nil, fmt.Errorf("the timeline has no assignment to %s", t.machine)
	}
	if i := slices.IndexFunc(latest, func(e *group.Transition) bool { _, with := x.acquired(vip, e); return with }); i >= 0 {
		return latest[i], nil
	}
	at := t.from.Sub(x.began)
	if slices.ContainsFunc(x.injuries, func(i stage.Injury) bool {
		return slices.Contains(lossy, i.Kind) && slices.Contains(i.On, t.machine) && i.To > at && i.From < at+10*time.Second
	}) {
		return latest[0], nil
	}
	return nil, fmt.Errorf("%s has not told that it acquired it in epoch %d of %s (%s)", t.machine, latest[0].Epoch, latest[0].Group, cmp.Or(latest[0].Why, "no reason"))
}

// lossy are the faults that a machine's word may be lost by, or late.
var lossy = []string{"power", "kill", "stop", "freeze", "unplug", "silence", "cut"}

// acquired reports whether the holder has told that it acquired something by an assignment, and whether an address was with it.
func (x *explained) acquired(vip netip.Addr, to *group.Transition) (told, with bool) {
	for _, e := range x.timeline {
		if e.Kind == "acquire" && e.Group == to.Group && e.Epoch == to.Epoch && e.Node == to.Node {
			told, with = true, with || strings.Contains(e.Detail, vip.String()+"/")
		}
	}
	return told, with
}
