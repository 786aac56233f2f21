package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"sync"

	"github.com/vishvananda/netns"
)

// Machine is a computer of the lab: a network, host name, process table and mounts of its own, on the files of this one.
type Machine struct {
	lab  *Lab
	name string
	host int

	mu   sync.RWMutex // guards following
	boot *boot        // nil while it has no power
}

// Port is what a machine has on one network.
type Port struct {
	Network    string
	Interface  string // eth0 on the machine's first network, eth1 on the next
	MAC        net.HardwareAddr
	IPv4, IPv6 netip.Prefix // not valid where the network has none
}

// Name is the machine's name, which is its host name too.
func (m *Machine) Name() string { return m.name }

// Addr is the machine's first address: IPv4 where the first network has it.
func (m *Machine) Addr() netip.Addr {
	p := m.Ports()[0]
	if p.IPv4.IsValid() {
		return p.IPv4.Addr()
	}
	return p.IPv6.Addr()
}

// Addr6 is the machine's IPv6 address on its first network, not valid where there is none.
func (m *Machine) Addr6() netip.Addr { return m.Ports()[0].IPv6.Addr() }

// Ports are the machine's connections, in the order of the networks.
func (m *Machine) Ports() []Port {
	var ports []Port
	for i, n := range m.lab.opts.Networks {
		if !n.has(m.name) {
			continue
		}
		ports = append(ports, Port{
			Network:   n.Name,
			Interface: fmt.Sprintf("eth%d", len(ports)),
			MAC:       hardwareAddr(i, m.host),
			IPv4:      n.host4(m.host),
			IPv6:      n.host6(m.host),
		})
	}
	return ports
}

// hardwareAddr is the address of a host on a network. Any two differ in their last four bytes.
func hardwareAddr(network, host int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0x77, 0, 0, byte(network), byte(host)}
}

// errNoPower is the answer of a machine that is off.
var errNoPower = errors.New("the machine has no power")

// Do runs fn in the machine's network, on a thread of its own: sockets that fn makes belong to the machine, and stay so after it.
// Goroutines that fn starts are not in the machine.
func (m *Machine) Do(fn func() error) error {
	return onThread(func() error {
		if err := m.enter(func(b *boot) error { return netns.Set(b.net) }); err != nil {
			return fmt.Errorf("enter %s: %w", m.name, err)
		}
		return fn()
	})
}

// launch starts a command as a process of the machine, and calls ended once it has ended.
func (m *Machine) launch(cmd *exec.Cmd, ended func(error)) error {
	return onThread(func() error {
		var home *boot
		err := m.enter(func(b *boot) error {
			if err := b.enter(); err != nil {
				return err
			}
			home = b
			b.started.Add(1) // while nobody can wait for it yet
			return nil
		})
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			home.started.Done()
			return err
		}
		go func() {
			defer home.started.Done()
			ended(cmd.Wait())
		}()
		return nil
	})
}

// enter keeps the machine's namespaces from being closed while the calling thread enters them.
func (m *Machine) enter(how func(*boot) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.boot == nil {
		return errNoPower
	}
	return how(m.boot)
}

// Dial connects from the machine. The address is a literal one: a name would be resolved outside of the machine.
func (m *Machine) Dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = m.Do(func() error {
		c, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen accepts connections on the machine.
func (m *Machine) Listen(ctx context.Context, network, address string) (ln net.Listener, err error) {
	err = m.Do(func() error {
		ln, err = new(net.ListenConfig).Listen(ctx, network, address)
		return err
	})
	return ln, err
}

// ListenPacket receives packets on the machine.
func (m *Machine) ListenPacket(ctx context.Context, network, address string) (c net.PacketConn, err error) {
	err = m.Do(func() error {
		c, err = new(net.ListenConfig).ListenPacket(ctx, network, address)
		return err
	})
	return c, err
}
