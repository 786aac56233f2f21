package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"holdfast/failover/lab/rootless"
)

// instrumentProcs is GOMAXPROCS while a lab is open: so many that a probe's thread, however preferred by the kernel (see steadily), never has to
// wait in Go's scheduler for an ordinary thread that the kernel has put off.
const instrumentProcs = 16

// Lab is a set of machines and the switches that join them.
type Lab struct {
	opts     Options
	machines []*Machine // the client last

	mu       sync.Mutex // guards following, and every port
	segments []*segment // nil until Open and after Close
	procs    int        // GOMAXPROCS as it was before Open
	probes   uint8      // how many probes there have been
}

// New describes a lab. Open makes it.
func New(o Options) (*Lab, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	l := &Lab{opts: o.withDefaults()}
	for i, name := range l.opts.Machines {
		l.machines = append(l.machines, &Machine{lab: l, name: name, host: firstHost + i})
	}
	l.machines = append(l.machines, &Machine{lab: l, name: l.opts.Client, host: clientHost})
	return l, nil
}

// Open makes the switches and powers every machine on. It needs root, or what Enter gives. When it fails, nothing is left.
func (l *Lab) Open(ctx context.Context) error {
	if role := os.Getenv(roleVar); role == roleInit || role == roleServe {
		return errors.New("lab: this process was started by a lab: call lab.Child first in main, or in TestMain")
	}
	if err := l.addSegments(); err != nil {
		return errors.Join(explain("make a switch", err), l.Close())
	}
	if err := l.each(func(m *Machine) error { return m.PowerOn(ctx) }); err != nil {
		return errors.Join(explain("make the machines", err), l.Close())
	}
	return nil
}

func (l *Lab) addSegments() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.segments != nil {
		return errors.New("lab: it is open already")
	}
	l.procs = runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(max(l.procs, instrumentProcs))
	for i, n := range l.opts.Networks {
		s, err := newSegment(n, i)
		l.segments = append(l.segments, s) // even if it is not whole: Close closes what there is
		if err != nil {
			return err
		}
		for _, m := range l.machines {
			if n.has(m.name) {
				s.addPort(m.name, m.host)
			}
		}
		if err := s.addObserver(); err != nil {
			return err
		}
	}
	return nil
}

// Close kills every process and removes every machine and switch. A closed lab can be opened again.
func (l *Lab) Close() error {
	err := l.each((*Machine).PowerOff)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		s.close()
	}
	if l.segments != nil {
		runtime.GOMAXPROCS(l.procs)
	}
	l.segments = nil
	return err
}

// each does the same with all machines at once.
func (l *Lab) each(do func(*Machine) error) error {
	errs := make([]error, len(l.machines))
	var wg sync.WaitGroup
	for i, m := range l.machines {
		wg.Go(func() { errs[i] = do(m) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Machine is the machine of that name, or nil.
func (l *Lab) Machine(name string) *Machine {
	i := slices.IndexFunc(l.machines, func(m *Machine) bool { return m.name == name })
	if i < 0 {
		return nil
	}
	return l.machines[i]
}

// Machines are all machines but the client, in the order of the options.
func (l *Lab) Machines() []*Machine { return slices.Clone(l.machines[:len(l.machines)-1]) }

// Client is the machine the world is seen from.
func (l *Lab) Client() *Machine { return l.machines[len(l.machines)-1] }

// segmentLocked is the network of that name; "" is the first.
func (l *Lab) segmentLocked(name string) (*segment, error) {
	if l.segments == nil {
		return nil, errors.New("lab: it is not open")
	}
	if name == "" {
		return l.segments[0], nil
	}
	for _, s := range l.segments {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("lab: there is no network %q", name)
}

// explain adds to an error of the kernel what the user can do about it.
func explain(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("lab: %s: %w (%s)", what, err, rootless.Refusal("/", err))
	}
	return fmt.Errorf("lab: %s: %w", what, err)
}
