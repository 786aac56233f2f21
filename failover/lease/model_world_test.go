package lease

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// The model test runs the real Holder, Granter, quorum.Memory and quorum.Tally in a world of its own: machines with clocks that run at
// different rates, a network that delays, loses, doubles and reorders, Raft with terms, votes and a log, processes that crash, restart and
// are stopped, and kernels that know deadlines. All is drawn from one seed. After each write to a kernel it checks that no two machines
// have a deadline ahead for one group: between two writes a live lease can only end.

const ms = time.Millisecond

// rules are the ways in which a broken variant departs from the protocol. The protocol is the zero value.
type rules struct {
	noMargin     bool // clocks are taken to be equal
	staleWord    bool // a majority's word from before the renewal arrived counts
	noWait       bool // a new leader does not wait for the leases of older ones
	noPeers      bool // a voter does not name when its peer set changed
	noStart      bool // a voter that restarted does not name its start
	belowTerm    bool // a voter answers for older leaders before it is in the new term, and forgets that when it restarts
	noPromise    bool // a voter that answered for older leaders does not keep that in mind
	fromQuestion bool // what a voter says of older leases counts from when it was asked
	anyLive      bool // a claim of the current epoch is renewed at once, whether its lease lives or not
	anyTerm      bool // what was said to an older leader counts for the new one
	lateDecision bool // the leader decides after the majority gave its word
	noOrder      bool // messages of a machine count in whatever order they come
	fromReceipt  bool // the holder counts the TTL from when the answer arrived
	relative     bool // the kernel is told a duration, not a deadline
	useGivenBack bool // a grant counts though the group was given back meanwhile
	uncommitted  bool // the leader grants what is not committed
	behind       bool // the leader grants before it has applied what older leaders committed
	trustLong    bool // a word for default reads holds for the whole heartbeat timeout
	voteAtStart  bool // a voter that restarted votes at once
	holdLed      bool // a voter promises a holder that it may go on, though it follows a leader
	holdUnkept   bool // who leads later does not wait for what was promised
	holdDead     bool // a holder goes on though its lease had ended when the last voter promised
	holdMost     bool // a majority's promise is enough
	holdCarried  bool // a holder goes on in the epoch that its log names, though no leader has granted it one since it started
	holdPeers    bool // a voter promises whatever peer set the holder knows of
}

// faults are what may go wrong in a world, as probabilities of each draw, and how much time may be lost.
type faults struct {
	lose, double, late float64       // of a message
	lateness           time.Duration // of a late one
	stop, crash, cut   time.Duration // the mean time between two of them
	stand              time.Duration // the mean time between two that stand for election though there is a leader; 0: votes are refused then
	drift              bool          // clocks run at different rates
	setBack            bool          // Raft's race between heartbeats and elections sets terms back
	shy                bool          // nobody stands for a while though nobody leads
	provoke            float64       // of a stop or a crash right after a step of the protocol, when it hurts most
}

type world struct {
	rng    *rand.Rand
	rules  rules
	faults faults
	ttl    time.Duration
	groups []string

	now      time.Duration // true time, which nobody in this world can read
	queue    queue
	order    int
	machines []*machineModel
	cut      map[[2]int]bool // from -> to is cut
	elected  uint64          // the highest term that has a leader
	highest  map[string]uint64
	owner    map[Claim]*machineModel
	stage    *stage // nil in a world of chance
	calm     bool   // groups go where the test says, and messages to whom they are meant for
	broken   string // what went wrong, "" for nothing
	seen     seen
	trace    []string
	tracing  bool
}

// seen counts what happened, so that a test can tell whether the world was worth living in.
type seen struct {
	elections, grants, moves, fast, lapses, restarts, carried, reads, held int
}

func newWorld(seed uint64, machines int, r rules, f faults) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 1)), rules: r, faults: f, ttl: DefaultTTL, groups: []string{"g"}, cut: map[[2]int]bool{}, highest: map[string]uint64{},
		owner: map[Claim]*machineModel{},
	}
	for i := range machines {
		m := &machineModel{w: w, id: i, name: string(rune('a' + i)), kernel: map[string]time.Duration{}, voted: -1, voters: "abcde"[:machines], boot: newClock(w), steady: newClock(w)}
		m.steady.rate, m.boot.rate = w.rates()
		w.machines = append(w.machines, m)
		m.start()
	}
	if f.drift {
		w.every(3*time.Second, func() { w.any().slew() })
	}
	w.every(w.faults.stop, func() { w.any().stopFor(w.upTo(3 * w.ttl)) })
	w.every(w.faults.crash, func() { w.any().crash(w.chance(0.2)) })
	w.every(w.faults.cut, w.cutOrHeal)
	w.every(w.faults.stand, func() { w.any().act(func(p *process) { p.stand() }) })
	return w
}

// rates are those of a machine's steady clock and of its boottime, which time daemons slew.
func (w *world) rates() (steady, boot float64) {
	if !w.faults.drift {
		return 1, 1
	}
	if w.chance(0.5) { // the worst that is allowed
		return []float64{0.995, 1.005}[w.rng.IntN(2)], []float64{0.9, 1.1}[w.rng.IntN(2)]
	}
	return 0.995 + 0.01*w.rng.Float64(), 0.9 + 0.2*w.rng.Float64()
}

// slew is a time daemon that has found a new offset to correct.
func (m *machineModel) slew() {
	steady, boot := m.w.rates()
	m.steady.setRate(steady)
	m.boot.setRate(boot)
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d) + 1)) }

func (w *world) any() *machineModel { return w.machines[w.rng.IntN(len(w.machines))] }

// clock is one clock of a machine. It starts anywhere.
type clock struct {
	w        *world
	base, at time.Duration
	rate     float64
}

func newClock(w *world) *clock { return &clock{w: w, base: time.Hour + w.upTo(time.Hour), rate: 1} }

func (c *clock) read() time.Duration {
	return c.base + time.Duration(float64(c.w.now-c.at)*c.rate)
}

func (c *clock) setRate(r float64) { c.base, c.at, c.rate = c.read(), c.w.now, r }

// event is something that happens at a true time.
type event struct {
	at    time.Duration
	order int
	do    func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

// after lets something happen d from now.
func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, event{w.now + d, w.order, do})
}

// every lets something happen again and again, mean apart. 0 means never.
func (w *world) every(mean time.Duration, do func()) {
	if mean == 0 {
		return
	}
	w.after(w.upTo(2*mean), func() { do(); w.every(mean, do) })
}

// run lets the world go on for d, or until it breaks.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for w.broken == "" && len(w.queue) > 0 && w.queue[0].at <= end {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

// send brings a message to whatever process the other machine runs when it arrives. It may arrive late, twice or never.
func (w *world) send(from, to *machineModel, what any, deliver func(p *process)) {
	if w.stage != nil {
		w.stage.send(from, to, what, deliver)
		return
	}
	n := 1
	if w.chance(w.faults.lose) {
		n = 0
	} else if w.chance(w.faults.double) {
		n = 2
	}
	for range n {
		d := 50*time.Microsecond + w.upTo(500*time.Microsecond)
		if w.chance(w.faults.late) {
			d += w.upTo(w.faults.lateness)
		}
		w.after(d, func() {
			if !w.cut[[2]int{from.id, to.id}] {
				to.act(deliver)
			}
		})
	}
}

// cutOrHeal cuts some ways, each in one direction, or heals all.
func (w *world) cutOrHeal() {
	clear(w.cut)
	if w.chance(0.4) {
		return
	}
	lone := w.rng.IntN(len(w.machines))
	mode := w.rng.IntN(4)
	for i := range w.machines {
		for j := range w.machines {
			switch mode {
			case 0: // one machine hears nobody, or is heard by nobody
				w.cut[[2]int{i, j}] = i == lone && j != lone
			case 1: // one machine is alone
				w.cut[[2]int{i, j}] = (i == lone) != (j == lone)
			case 2: // some ways fail
				w.cut[[2]int{i, j}] = i != j && w.chance(0.3)
			case 3: // two halves
				w.cut[[2]int{i, j}] = (i+lone)%len(w.machines) < len(w.machines)/2 != ((j+lone)%len(w.machines) < len(w.machines)/2)
			}
		}
	}
}

// opened checks the world after a machine's kernel was told a deadline in an epoch.
func (w *world) opened(m *machineModel, group string, epoch uint64) {
	if !m.live(group) {
		return
	}
	for _, o := range w.machines {
		if o != m && o.live(group) {
			w.breaks("%s serves %s until %s more, and %s until %s more", m.name, group, m.kernel[group]-m.boot.read(), o.name, o.kernel[group]-o.boot.read())
		}
	}
	if epoch < w.highest[group] {
		w.breaks("%s serves %s in epoch %d after epoch %d was served", m.name, group, epoch, w.highest[group])
	}
	w.highest[group] = max(w.highest[group], epoch)
	c := Claim{group, epoch}
	if o := w.owner[c]; o != nil && o != m {
		w.breaks("%s serves %s in epoch %d, which was %s's", m.name, group, epoch, o.name)
	}
	w.owner[c] = m
}

func (w *world) breaks(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
		w.tracef("BROKEN: %s", w.broken)
	}
}

// tracef notes what happens, for whoever must understand a failure.
func (w *world) tracef(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, fmt.Sprintf("%9.3f ms  ", float64(w.now)/1e6)+fmt.Sprintf(format, args...))
	}
}

func (w *world) story(lines int) string {
	return strings.Join(w.trace[max(0, len(w.trace)-lines):], "\n")
}

// span is what voters take a lease to live after their word.
func (w *world) span() time.Duration {
	if w.rules.noMargin {
		return w.ttl
	}
	return w.ttl + Margin(w.ttl)
}

func (m *machineModel) newNonce() uint64 { m.nonce++; return uint64(m.id+1)<<32 + m.nonce } //nolint:gosec // small

// instant is a reading of a steady clock as the Granter wants it.
func instant(d time.Duration) time.Time { return time.Unix(0, 0).Add(d) }
