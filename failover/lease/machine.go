package lease

import "slices"

// machine is how far a leader has read what one machine says.
type machine struct {
	run  uint64   // the newest process that was heard of
	seq  uint64   // of its newest renewal
	past []uint64 // earlier processes; whatever comes of them is late
}

// maxPast is how many earlier processes of a machine are remembered. A message of one before would have been under way while the daemon
// restarted that often.
const maxPast = 1024

// inOrder notes a renewal and reports whether it is newer than all that arrived before it of this machine.
func (g *Granter) inOrder(r *Renewal) bool {
	m := g.machines[r.Node]
	if m == nil {
		m = &machine{run: r.Run}
		g.machines[r.Node] = m
	}
	switch {
	case slices.Contains(m.past, r.Run):
		return false
	case r.Run != m.run:
		m.past = append(m.past, m.run)
		m.past = m.past[max(0, len(m.past)-maxPast):]
		m.run = r.Run
	case r.Seq <= m.seq:
		return false
	}
	m.seq = r.Seq
	return true
}
