package lab

import (
	"errors"
	"fmt"
	"slices"
)

// Unplug pulls the machine's cable out: its interface loses the carrier. With names, only the cables to these networks.
func (m *Machine) Unplug(networks ...string) error {
	return m.lab.change(m, networks, func(p *port) error { p.unplugged = true; return p.applyCarrier() })
}

// Plug puts the cable back.
func (m *Machine) Plug(networks ...string) error {
	return m.lab.change(m, networks, func(p *port) error { p.unplugged = false; return p.applyCarrier() })
}

// Silence makes the switch drop every frame to and from the machine, whose interface keeps its carrier: the machine cannot tell.
func (m *Machine) Silence(networks ...string) error {
	return m.lab.change(m, networks, func(p *port) error { p.silent = true; return p.applyFilters() })
}

// Unsilence ends Silence.
func (m *Machine) Unsilence(networks ...string) error {
	return m.lab.change(m, networks, func(p *port) error { p.silent = false; return p.applyFilters() })
}

// Slow limits the machine's cable, in each direction, to a rate in bits per second; 0 takes the limit away.
func (m *Machine) Slow(bitsPerSecond uint64, networks ...string) error {
	if bitsPerSecond != 0 && bitsPerSecond < 8000 {
		return fmt.Errorf("lab: rate of %d bit/s for %s: give at least 8000, or 0 for no limit", bitsPerSecond, m.name)
	}
	return m.lab.change(m, networks, func(p *port) error { p.rate = bitsPerSecond; return p.applyRate() })
}

// change does something to the machine's ports on the named networks, or on all.
func (l *Lab) change(m *Machine, networks []string, do func(*port) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range networks {
		if s, err := l.segmentLocked(name); err != nil {
			return err
		} else if s.ports[m.name] == nil {
			return fmt.Errorf("lab: %s is not on network %q", m.name, name)
		}
	}
	var errs []error
	for _, p := range l.portsLocked(m.name) {
		if len(networks) == 0 || slices.Contains(networks, p.segment.Name) {
			errs = append(errs, do(p))
		}
	}
	return errors.Join(errs...)
}

// CutOneWay makes the machine to deaf for what from says; from still hears to.
func (l *Lab) CutOneWay(from, to string) error {
	return l.cut([][2]string{{from, to}})
}

// MendOneWay makes the machine to hear again what from says, and leaves every other fault as it is.
func (l *Lab) MendOneWay(from, to string) error {
	return l.hear([][2]string{{from, to}}, true)
}

// Cut separates two machines, in both directions. Others, the client too, still reach both.
func (l *Lab) Cut(a, b string) error {
	return l.cut([][2]string{{a, b}, {b, a}})
}

// Isolate separates a machine from all others but these.
func (l *Lab) Isolate(name string, except ...string) error {
	var pairs [][2]string
	for _, m := range l.machines {
		if m.name != name && !slices.Contains(except, m.name) {
			pairs = append(pairs, [2]string{name, m.name}, [2]string{m.name, name})
		}
	}
	return l.cut(pairs)
}

// Partition separates the machines of each group from those of the other groups. Who is in no group still reaches everyone.
func (l *Lab) Partition(groups ...[]string) error {
	var pairs [][2]string
	for i, group := range groups {
		for _, other := range groups[i+1:] {
			for _, a := range group {
				for _, b := range other {
					pairs = append(pairs, [2]string{a, b}, [2]string{b, a})
				}
			}
		}
	}
	return l.cut(pairs)
}

// cut makes the second of each pair deaf for the first, on every network that both are on.
func (l *Lab) cut(pairs [][2]string) error { return l.hear(pairs, false) }

// hear says whether the second of each pair hears the first, on every network that both are on.
func (l *Lab) hear(pairs [][2]string, hears bool) error {
	for _, pair := range pairs {
		for _, name := range pair {
			if l.Machine(name) == nil {
				return fmt.Errorf("lab: there is no machine %q", name)
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	touched := make(map[*port]bool)
	for _, pair := range pairs {
		for _, p := range l.portsLocked(pair[1]) {
			if hears {
				delete(p.deaf, pair[0])
			} else {
				p.deaf[pair[0]] = true
			}
			touched[p] = true
		}
	}
	var errs []error
	for p := range touched {
		errs = append(errs, p.applyFilters())
	}
	return errors.Join(errs...)
}

// Heal ends every fault of the network: cuts, silence, pulled cables, slowness. Machines without power stay so.
func (l *Lab) Heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, s := range l.segments {
		for _, p := range s.ports {
			slow := p.rate != 0
			p.unplugged, p.silent, p.rate = false, false, 0
			clear(p.deaf)
			errs = append(errs, p.applyFilters(), p.applyCarrier())
			if slow {
				errs = append(errs, p.applyRate())
			}
		}
	}
	return errors.Join(errs...)
}
