//go:build linux

package stage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Act is one thing that befalls the cluster at one moment of a schedule.
type Act struct {
	At   time.Duration
	Kind string   // the kind of fault that it is a part of
	Name string   // what happens, for people
	On   []string // the machines that it happens to; none for a group or the whole network
	run  func(*Chaos) error
}

// Schedule is a random one of a length: faults of many kinds, each of a random time, in random overlap. The same seed gives the same schedule. With
// kinds only those are chosen from.
func Schedule(seed uint64, length time.Duration, machines []string, kinds ...string) []Act {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, seed)), machines: machines} //nolint:gosec // it has to be repeatable
	all := chaosKinds()
	if len(kinds) > 0 {
		all = slices.DeleteFunc(all, func(k chaosKind) bool { return !slices.Contains(kinds, k.name) })
	}
	var bag []chaosKind
	for _, k := range all {
		for range k.weight {
			bag = append(bag, k)
		}
	}
	// A crowd of faults seldom leaves a majority, a few of them let each run its course.
	pace := []time.Duration{250 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond}[d.IntN(3)]
	var acts []Act
	for at := d.span(0, pace); at < length; at += d.span(pace/4, 2*pace) {
		k := bag[d.IntN(len(bag))]
		for _, a := range k.draw(d) {
			a.At, a.Kind = a.At+at, k.name
			if a.At < length {
				acts = append(acts, a)
			}
		}
	}
	slices.SortStableFunc(acts, func(a, b Act) int { return int(a.At - b.At) })
	return acts
}

// dice draws machines and times.
type dice struct {
	*rand.Rand

	machines []string
}

func (d *dice) span(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64(to-from)+1))
}

// while is how long a fault lasts: often short, around what a lease lives, sometimes seconds.
func (d *dice) while() time.Duration {
	if d.IntN(3) == 0 {
		return d.span(2*time.Second, 6*time.Second)
	}
	return d.span(10*time.Millisecond, 1800*time.Millisecond)
}

// order is the machines in a random order.
func (d *dice) order() []string {
	o := slices.Clone(d.machines)
	d.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
	return o
}

// some is one machine, often two, seldom all.
func (d *dice) some() []string {
	return d.order()[:[]int{1, 1, 1, 2, 2, len(d.machines)}[d.IntN(6)]]
}

type chaosKind struct {
	name   string
	weight int
	draw   func(*dice) []Act
}

// chaosKinds are all kinds of faults.
func chaosKinds() []chaosKind {
	return []chaosKind{
		{"power", 2, oneByOne("loses power", (*Chaos).powerOff, "has power again", (*Chaos).powerOn)},
		{"kill", 4, oneByOne("daemon is killed (kill -9)", (*Chaos).kill, "daemon starts", (*Chaos).startDaemon)},
		{"stop", 3, oneByOne("daemon is told to stop (SIGTERM)", (*Chaos).terminate, "daemon starts", (*Chaos).startDaemon)},
		{"freeze", 6, oneByOne("daemon is stopped (SIGSTOP)", (*Chaos).freeze, "daemon goes on (SIGCONT)", (*Chaos).thaw)},
		{"unplug", 2, oneByOne("cable is pulled", (*Chaos).unplug, "cable is put back", (*Chaos).plug)},
		{"silence", 2, oneByOne("switch port goes deaf and mute", (*Chaos).silence, "switch port works again", (*Chaos).unsilence)},
		{"check", 3, oneByOne("service fails its check", (*Chaos).fail, "service passes its check", (*Chaos).pass)},
		{"process", 1, oneByOne("process of the service dies", (*Chaos).killProcess, "process of the service starts", (*Chaos).reviveProcess)},
		{"cut", 5, drawCut},
		{"remove", 2, drawRemove},
		{"move", 4, drawMove},
		{"vip", 3, drawVIP},
		{"takeover", 4, drawTakeover},
		{"delete", 2, drawDelete},
	}
}

// oneByOne is a fault of one or more machines that ends on each at a time of its own.
func oneByOne(bad string, begin func(*Chaos, string) error, good string, end func(*Chaos, string) error) func(*dice) []Act {
	return func(d *dice) []Act {
		var acts []Act
		for _, m := range d.some() {
			acts = append(acts,
				Act{At: d.span(0, 50*time.Millisecond), Name: m + ": " + bad, On: []string{m}, run: func(c *Chaos) error { return begin(c, m) }},
				Act{At: 50*time.Millisecond + d.while(), Name: m + ": " + good, On: []string{m}, run: func(c *Chaos) error { return end(c, m) }})
		}
		return acts
	}
}

// drawCut parts machines from each other, while the client sees all, and heals the network.
func drawCut(d *dice) []Act {
	o := d.order()
	a, b, rest := o[0], o[1], o[1:]
	var pairs [][2]string
	var name string
	switch d.IntN(4) {
	case 0:
		name, pairs = fmt.Sprintf("%s and %s are cut off from each other", a, b), [][2]string{{a, b}, {b, a}}
	case 1:
		name, pairs = fmt.Sprintf("%s hears nothing of %s, which still hears it", b, a), [][2]string{{a, b}}
	case 2:
		name = a + " is cut off from the others"
		for _, m := range rest {
			pairs = append(pairs, [2]string{a, m}, [2]string{m, a})
		}
	case 3:
		name = a + " hears nothing of the others, and they still hear it"
		for _, m := range rest {
			pairs = append(pairs, [2]string{m, a})
		}
	}
	return []Act{
		{Name: name, On: o, run: func(c *Chaos) error { return c.cut(pairs) }},
		{At: d.while(), Name: "the network is healed", On: o, run: (*Chaos).heal},
	}
}

// drawRemove takes an address off whoever has it.
func drawRemove(d *dice) []Act {
	vip, o := []string{VIP4.String(), VIP6.String()}[d.IntN(2)], d.order()
	return []Act{{Name: vip + " is removed behind the daemon's back", run: func(c *Chaos) error { return c.removeAddress(vip, o) }}}
}

func drawMove(d *dice) []Act {
	at, to, group := d.order()[0], d.order()[0], []string{"web", "web", "web", "spare"}[d.IntN(4)]
	return []Act{{
		Name: fmt.Sprintf("%s is told to move %s to %s", at, group, to),
		run: func(c *Chaos) error {
			return c.ask("move", call{at: at, method: "PUT", path: "group/" + group + "/move?to=" + to})
		},
	}}
}

// drawVIP gives the group another address, and takes it away.
func drawVIP(d *dice) []Act {
	p, q := d.order()[0], d.order()[0]
	return []Act{
		{Name: fmt.Sprintf("%s is added to web, through %s", VIP4b, p), run: func(c *Chaos) error { return c.ask("vip", put(p, "web", c.machines, VIP4, VIP6, VIP4b)) }},
		{At: d.while(), Name: fmt.Sprintf("%s is removed from web, through %s", VIP4b, q), run: func(c *Chaos) error { return c.ask("vip", put(q, "web", c.machines, VIP4, VIP6)) }},
	}
}

// drawTakeover has a second group take addresses from the first, often moves it at once, and gives them back.
func drawTakeover(d *dice) []Act {
	p, q, to, prefer := d.order()[0], d.order()[0], d.order()[0], d.order()
	there := []call{put(p, "web", d.machines, VIP4), put(p, "spare", prefer, VIP6)}
	if d.IntN(2) == 0 {
		there = []call{remove(p, "web"), put(p, "spare", prefer, VIP4, VIP6)}
	}
	if d.IntN(2) == 0 {
		there = append(there, call{at: p, method: "PUT", path: "group/spare/move?to=" + to})
	}
	back := []call{remove(q, "spare"), put(q, "web", d.machines, VIP4, VIP6), {at: q, method: "PUT", path: "group/web/move?to=" + d.order()[0]}}
	return []Act{
		{Name: fmt.Sprintf("through %s: %v", p, there), run: func(c *Chaos) error { return c.ask("takeover", there...) }},
		{At: d.while(), Name: fmt.Sprintf("through %s: %v", q, back), run: func(c *Chaos) error { return c.ask("takeover", back...) }},
	}
}

// drawDelete deletes the group and creates it again, at once or after a while.
func drawDelete(d *dice) []Act {
	p, q := d.order()[0], d.order()[0]
	again := []call{put(q, "web", d.order(), VIP4, VIP6)}
	if d.IntN(2) == 0 {
		again = append(again, call{at: q, method: "PUT", path: "group/web/move?to=" + d.order()[0]})
	}
	later := time.Duration(0)
	if d.IntN(2) == 0 {
		later = d.while()
	}
	if later == 0 {
		all := append([]call{remove(p, "web")}, again...)
		return []Act{{Name: fmt.Sprintf("through %s: %v", p, all), run: func(c *Chaos) error { return c.ask("delete", all...) }}}
	}
	return []Act{
		{Name: p + " is told to delete web", run: func(c *Chaos) error { return c.ask("delete", remove(p, "web")) }},
		{At: later, Name: fmt.Sprintf("through %s: %v", q, again), run: func(c *Chaos) error { return c.ask("delete", again...) }},
	}
}
