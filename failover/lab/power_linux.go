package lab

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// PowerOn starts the machine afresh: its own addresses, no processes, nothing left of an earlier life but the files. A machine that
// has power is left as it is.
func (m *Machine) PowerOn(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.boot != nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("power on %s: %w", m.name, err)
	}
	b, err := start(m.name)
	if err != nil {
		return fmt.Errorf("power on %s: %w", m.name, err)
	}
	if err := m.lab.connect(m, b.net, b.netlink); err != nil {
		return errors.Join(err, m.lab.disconnect(m), b.halt())
	}
	m.boot = b
	return nil
}

// PowerOff is a power loss: in the same moment the machine falls silent and every process of it gets SIGKILL. Addresses, routes and
// filters are gone with it. It returns once nothing is left of the machine.
func (m *Machine) PowerOff() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.boot == nil {
		return nil
	}
	err := errors.Join(m.lab.silence(m), m.boot.kill(), m.lab.disconnect(m), m.boot.halt())
	m.boot = nil
	if err != nil {
		return fmt.Errorf("power off %s: %w", m.name, err)
	}
	return nil
}

// Powered reports whether the machine has power.
func (m *Machine) Powered() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.boot != nil
}

// portsLocked are the machine's ports, in the order of the networks.
func (l *Lab) portsLocked(machine string) []*port {
	var ports []*port
	for _, s := range l.segments {
		if p := s.ports[machine]; p != nil {
			ports = append(ports, p)
		}
	}
	return ports
}

// connect puts all cables of a machine that is starting in.
func (l *Lab) connect(m *Machine, ns netns.NsHandle, far *netlink.Handle) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.segments == nil {
		return errors.New("lab: it is not open")
	}
	for i, p := range l.portsLocked(m.name) {
		if err := p.connect(ns, far, fmt.Sprintf("eth%d", i)); err != nil {
			return err
		}
	}
	return nil
}

// silence makes the machine mute and deaf without a trace in the state of its faults. It takes microseconds, where removing a link
// waits for the kernel's grace periods.
func (l *Lab) silence(m *Machine) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, p := range l.portsLocked(m.name) {
		if p.end == nil {
			continue
		}
		for _, hook := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
			errs = append(errs, p.segment.setFilter(p.end, hook, dropAll()))
		}
	}
	return errors.Join(errs...)
}

// disconnect removes all cables of a machine.
func (l *Lab) disconnect(m *Machine) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, p := range l.portsLocked(m.name) {
		err := p.disconnect()
		if errors.Is(err, unix.ENODEV) { // the far end went first, with its namespace
			err = nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
