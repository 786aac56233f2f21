package lease

import (
	"time"

	"holdfast/cluster/quorum"
)

// heartbeat is Raft's heartbeat timeout in the model.
const heartbeat = 300 * ms

// machineModel is a machine: what outlives its processes, and the process.
type machineModel struct {
	w      *world
	id     int
	name   string
	steady *clock // CLOCK_MONOTONIC_RAW
	boot   *clock // CLOCK_BOOTTIME

	// On disk.
	term      uint64
	votedTerm uint64
	voted     int
	log       []entry
	voters    string // the peer set, as this machine knows it
	peers     uint64 // its index

	kernel map[string]time.Duration // group -> deadline on boot; survives the process, not the machine

	proc    *process // nil while the daemon is down
	stopped bool
	inbox   []func(p *process) // what came while it was stopped
	seq     int                // counts stops, so that only the last one ends
	nonce   uint64
	setBack bool // Raft's term went back; the model allows no crash on top
}

// live reports whether the kernel lets the group be served.
func (m *machineModel) live(group string) bool { return m.boot.read() < m.kernel[group] }

// act lets the machine's process do something, when it is not stopped any more.
func (m *machineModel) act(do func(p *process)) {
	switch {
	case m.stopped:
		m.inbox = append(m.inbox, do)
	case m.proc != nil:
		do(m.proc)
	}
}

// stopFor is SIGSTOP, and SIGCONT after d. The process does nothing meanwhile; its clocks and its kernel go on.
func (m *machineModel) stopFor(d time.Duration) {
	if m.proc == nil {
		return
	}
	m.stopped = true
	m.seq++
	seq := m.seq
	m.w.tracef("%s is stopped for %s", m.name, d)
	m.w.after(d, func() {
		if m.seq != seq || !m.stopped {
			return
		}
		m.stopped = false
		todo := m.inbox
		m.inbox = nil
		m.w.tracef("%s goes on with %d things to do", m.name, len(todo))
		if len(todo) > 0 && m.w.chance(0.5) { // what waits for a process has an order only within one connection
			first := todo[0]
			rest := todo[1:]
			m.w.rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			todo = append([]func(p *process){first}, rest...)
		}
		for i, do := range todo {
			if m.stopped || m.proc == nil { // stopped again, or gone
				if m.stopped {
					m.inbox = append(m.inbox, todo[i:]...)
				}
				return
			}
			do(m.proc)
		}
	})
}

// provoke may stop or kill the machine a moment after a step.
func (m *machineModel) provoke() {
	if m.w.stage != nil || !m.w.chance(m.w.faults.provoke) {
		return
	}
	m.w.after(m.w.upTo(ms), func() {
		switch m.w.rng.IntN(3) {
		case 0:
			m.stopFor(m.w.upTo(2 * m.w.ttl))
		case 1:
			m.crash(false)
		case 2:
			m.w.cutOrHeal()
		}
	})
}

// pauseHere is a stop in the midst of what the process does: the rest is the first thing that it does afterwards.
func (p *process) pauseHere(rest func()) {
	m := p.m
	if m.w.stage != nil {
		rest()
		return
	}
	if !m.w.chance(m.w.faults.provoke) {
		rest()
		return
	}
	m.stopFor(m.w.upTo(2 * m.w.ttl))
	m.inbox = append([]func(*process){func(now *process) {
		if now == p {
			rest()
		}
	}}, m.inbox...)
}

// crash is kill -9; the daemon comes back after a while. A reboot takes the kernel's deadlines with it.
func (m *machineModel) crash(reboot bool) {
	if m.proc == nil || m.setBack {
		return
	}
	m.w.tracef("%s crashes, reboot %v", m.name, reboot)
	m.proc, m.stopped, m.inbox = nil, false, nil
	down := m.w.upTo(m.w.ttl)
	if reboot {
		clear(m.kernel)
		down += m.w.upTo(2 * m.w.ttl)
	}
	if m.w.chance(0.3) {
		down = m.w.upTo(20 * ms)
	}
	m.w.after(down, m.start)
}

// process is a daemon: everything that a crash takes away.
type process struct {
	m *machineModel
	w *world

	// Raft.
	role    role
	leader  int // whom it follows, -1 for nobody
	contact time.Duration
	votes   map[int]bool
	match   map[int]int
	commit  int
	applied map[string]assignment
	began   time.Duration // on boot

	memory quorum.Memory
	lead   *leadership

	// The controller.
	holder  *Holder
	known   map[string]assignment
	carried map[string]uint64 // group -> epoch
}

// assignment is who is to hold a group.
type assignment struct {
	node  int
	epoch uint64
}

// start starts the daemon.
func (m *machineModel) start() {
	if m.proc != nil {
		return
	}
	w := m.w
	born := m.steady.read()
	if w.rules.noStart {
		born -= time.Hour
	}
	if w.now == 0 {
		born -= time.Hour // the world has been quiet before it began
	}
	p := &process{
		m: m, w: w, leader: -1, contact: m.boot.read(), began: m.boot.read(), applied: map[string]assignment{}, memory: quorum.NewMemory(born, w.span()),
		holder: NewHolder(), known: map[string]assignment{}, carried: map[string]uint64{},
	}
	if w.now == 0 {
		p.began -= time.Hour
	}
	p.holder.run = m.newNonce()
	m.proc = p
	w.seen.restarts++
	w.tracef("%s starts in term %d", m.name, m.term)
	p.every(w.ttl/4, func() { p.renew() })
	p.every(40*ms, p.raftTick)
	p.every(w.ttl/4, p.hold)
}

// every lets the process do something again and again, as long as it lives.
func (p *process) every(d time.Duration, do func()) {
	if p.w.stage != nil {
		return
	}
	p.w.after(d/2+p.w.upTo(d), func() {
		if p.m.proc != p {
			return
		}
		p.m.act(func(now *process) {
			if now == p {
				do()
			}
		})
		p.every(d, do)
	})
}

// renew sends a renewal to whom it takes for the leader.
func (p *process) renew() {
	to := p.leader
	if p.w.stage == nil && !p.w.calm && p.w.chance(0.05) {
		to = p.w.rng.IntN(len(p.w.machines))
	}
	if to >= 0 {
		p.renewAt(to)
	}
}

func (p *process) renewAt(to int) {
	now := p.m.boot.read()
	p.pauseHere(func() {
		r := &Renewal{Node: p.m.name}
		p.holder.Renew(int64(now), r)
		p.w.tracef("%s renews at %s: seq %d term %d claims %v live %v released %v", p.m.name, p.w.machines[to].name, r.Seq, r.Term, r.Claims, r.Live, r.Released)
		p.w.send(p.m, p.w.machines[to], r, func(q *process) { q.renewed(r) })
	})
}

// learn takes an assignment; of two the higher epoch stays.
func (p *process) learn(group string, a assignment) {
	if a.epoch > p.known[group].epoch {
		p.known[group] = a
	}
}

// reconcile makes the machine agree with what the process knows, as failover's Controller does.
func (p *process) reconcile() {
	for _, g := range p.w.groups {
		a := p.known[g]
		epoch, carried := p.carried[g]
		if carried && (a.node != p.m.id || a.epoch != epoch) {
			delete(p.m.kernel, g)
			delete(p.carried, g)
			p.w.tracef("%s gives back %s in epoch %d", p.m.name, g, epoch)
			p.holder.GiveBack(g)
			p.renew()
			carried = false
		}
		if carried && len(lapsed(p.holder, int64(p.m.boot.read()))) > 0 {
			p.w.seen.lapses++
			delete(p.carried, g)
			p.holder.Drop(g)
			carried = false
		}
		if !carried && a.epoch > 0 && a.node == p.m.id {
			live := int64(0)
			if p.m.live(g) {
				live = int64(p.m.kernel[g])
				p.w.seen.carried++
			}
			p.carried[g] = a.epoch
			p.holder.Take(Claim{g, a.epoch}, live)
			p.w.tracef("%s takes %s in epoch %d, live %v", p.m.name, g, a.epoch, live > 0)
			p.renew()
		}
	}
}

// quit is an orderly stop: everything is given back, then the process goes and comes back at once.
func (p *process) quit() {
	for _, g := range p.w.groups {
		if _, ok := p.carried[g]; ok {
			delete(p.m.kernel, g)
			delete(p.carried, g)
			p.holder.GiveBack(g)
		}
	}
	p.w.tracef("%s goes down in good order", p.m.name)
	p.renew()
	p.m.crash(false)
}

// answered takes what a leader says.
func (p *process) answered(a *Answer, assignments map[string]assignment) {
	for _, g := range p.w.groups {
		p.learn(g, assignments[g])
	}
	p.reconcile()
	now := p.m.boot.read()
	if p.w.rules.fromReceipt {
		for i := range p.holder.sent {
			if p.holder.sent[i].seq == a.Seq {
				p.holder.sent[i].time = int64(now)
			}
		}
	}
	grants := p.holder.Granted(a)
	if p.w.rules.useGivenBack && len(grants) == 0 {
		for _, c := range a.Granted {
			for _, s := range p.holder.sent {
				if s.seq == a.Seq {
					grants = append(grants, Grant{c, s.time + int64(a.TTL)})
				}
			}
		}
	}
	p.pauseHere(func() {
		for _, x := range grants {
			deadline := time.Duration(x.Deadline)
			if p.w.rules.relative {
				deadline += p.m.boot.read() - now
			}
			p.m.kernel[x.Group] = max(deadline, p.m.kernel[x.Group])
			p.w.seen.grants++
			p.w.tracef("%s serves %s in epoch %d for %s", p.m.name, x.Group, x.Epoch, p.m.kernel[x.Group]-p.m.boot.read())
			p.w.opened(p.m, x.Group, x.Epoch)
		}
		if p.holder.Again(int64(p.m.boot.read()), a) {
			p.renew()
		}
	})
}
