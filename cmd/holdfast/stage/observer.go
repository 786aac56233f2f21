//go:build linux

package stage

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Injury is a fault, or an operator's order, while it was in force. Times count from the beginning of the play.
type Injury struct {
	Kind     string   // as in a schedule
	On       []string // the machines; none for an order
	From, To time.Duration
}

// Calm is a time through which a majority of machines was sound and its machines reached each other and the client, and one of them could serve: the
// same machines all the while. What befell the machine beside them in that time, or their service if not the one's that could serve, is no
// excuse, nor is a move: a majority with an eligible machine existed.
type Calm struct {
	From, To time.Duration
	Who      string
}

// observer knows what an onlooker can tell from the faults in force: what they are, when a majority was sound, and which addresses were wanted. It
// never asks a daemon.
type observer struct {
	machines []string
	open     map[string]int // what is in force -> its injury
	injuries []Injury
	calm     map[string]time.Duration // who is calm -> since when
	calms    []Calm

	groups map[string][]netip.Addr      // as the orders have made them; nil for a group that is not known
	asked  int                          // orders under way that change groups
	blurry bool                         // several were under way at once
	wanted map[netip.Addr]time.Duration // address -> since when it is certain that a group has it
	wants  map[netip.Addr][]Calm
}

func newObserver(machines []string) *observer {
	o := &observer{
		machines: machines, open: map[string]int{}, calm: map[string]time.Duration{}, groups: map[string][]netip.Addr{"web": {VIP4, VIP6}, "spare": {}},
		wanted: map[netip.Addr]time.Duration{}, wants: map[netip.Addr][]Calm{},
	}
	o.want(0)
	return o
}

// forever is the end of what is in force still.
const forever = time.Duration(1<<63 - 1)

// see takes note of the state that an act of a kind has brought the machines into, between two moments.
func (o *observer) see(kind string, from, to time.Duration, bodies map[string]*body, deaf map[[2]string]bool) {
	now := map[string][]string{}
	for _, m := range o.machines {
		b := bodies[m]
		for what, is := range map[string]bool{"off": b.off, "down": b.down, "frozen": b.frozen, "unplugged": b.unplugged, "silent": b.silent, "failing": b.failing, "lame": b.lame} {
			if is {
				now[what+" "+m] = []string{m}
			}
		}
	}
	for p := range deaf {
		now["deaf "+p[0]+" "+p[1]] = []string{p[0], p[1]}
	}
	for key, on := range now {
		if _, known := o.open[key]; !known {
			o.open[key] = len(o.injuries)
			o.injuries = append(o.injuries, Injury{Kind: kind, On: on, From: from, To: forever})
		}
	}
	for key, i := range o.open {
		if now[key] == nil {
			o.injuries[i].To = to
			delete(o.open, key)
		}
	}
	together := func(p, q string) bool {
		return bodies[p].sound() && bodies[q].sound() && !deaf[[2]string{p, q}] && !deaf[[2]string{q, p}]
	}
	for i, p := range o.machines {
		for _, q := range o.machines[i+1:] {
			for _, serves := range []string{p, q} {
				who := fmt.Sprintf("%s and %s reach each other, %s can serve", p, q, serves)
				from, was := o.calm[who]
				is := together(p, q) && !bodies[serves].failing && !bodies[serves].lame
				switch {
				case is && !was:
					o.calm[who] = to
				case was && !is:
					o.calms = append(o.calms, Calm{from, to, who})
					delete(o.calm, who)
				}
			}
		}
	}
}

// ordered notes an order that an operator gives, and what is asked for. It answers what is to be called once it is over.
func (o *observer) ordered(kind string, at time.Duration, calls []call) (over func(at time.Duration, done bool)) {
	i := len(o.injuries)
	o.injuries = append(o.injuries, Injury{Kind: kind, From: at, To: forever})
	changes := slices.ContainsFunc(calls, func(x call) bool { return x.group != "" })
	if !changes {
		return func(at time.Duration, _ bool) { o.injuries[i].To = at }
	}
	o.asked++
	o.blurry = o.blurry || o.asked > 1
	for a, since := range o.wanted { // while it is asked nobody knows
		o.wants[a] = append(o.wants[a], Calm{From: since, To: at})
	}
	clear(o.wanted)
	return func(at time.Duration, done bool) {
		o.injuries[i].To = at
		o.asked--
		for _, x := range calls {
			switch {
			case x.group == "":
			case done && !o.blurry:
				o.groups[x.group] = x.vips
			default:
				o.groups[x.group] = nil
			}
		}
		if o.asked == 0 {
			o.blurry = false
			o.want(at)
		}
	}
}

// want begins what is wanted now that no order is under way.
func (o *observer) want(at time.Duration) {
	for _, vips := range o.groups {
		for _, a := range vips {
			o.wanted[a] = at
		}
	}
}

// due are the times up to now in which an address had to be served, but for what one failover takes.
func (o *observer) due(a netip.Addr, now time.Duration) []Calm {
	calms, wants := slices.Clone(o.calms), slices.Clone(o.wants[a])
	for who, since := range o.calm {
		calms = append(calms, Calm{since, now, who})
	}
	if since, is := o.wanted[a]; is {
		wants = append(wants, Calm{From: since, To: now})
	}
	var out []Calm
	for _, c := range calms {
		for _, w := range wants {
			if x := (Calm{max(c.From, w.From), min(c.To, w.To), c.Who}); x.From < x.To {
				out = append(out, x)
			}
		}
	}
	return out
}
