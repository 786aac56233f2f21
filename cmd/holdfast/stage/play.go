//go:build linux

package stage

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/cluster/pause"
)

// Chaos plays schedules on a stage, and knows what state it has brought the machines into. One goroutine plays; what operators ask for runs beside it.
type Chaos struct {
	*Stage

	machines []string
	began    time.Time
	bodies   map[string]*body
	deaf     map[[2]string]bool // the second does not hear the first
	asking   sync.WaitGroup
	life     context.Context // of the calls: Play's

	mu       sync.Mutex // guards following
	log      []string
	observer *observer
}

// body is how a machine is.
type body struct {
	off, down, frozen, unplugged, silent, failing, lame bool
}

// sound reports whether nothing is the matter with a machine but perhaps its service.
func (b *body) sound() bool { return !b.off && !b.down && !b.frozen && !b.unplugged && !b.silent }

// NewChaos makes a player.
func (s *Stage) NewChaos() *Chaos {
	c := &Chaos{Stage: s, machines: s.opts.Machines, bodies: map[string]*body{}, deaf: map[[2]string]bool{}, observer: newObserver(s.opts.Machines)}
	for _, m := range c.machines {
		c.bodies[m] = &body{}
	}
	return c
}

// Play plays a schedule. What an act cannot do in the state that others have brought about is left out. Acts that fail are the lab's faults.
func (c *Chaos) Play(ctx context.Context, acts []Act) error {
	c.life, c.began = ctx, time.Now()
	c.observe("", 0)
	for _, a := range acts {
		if !pause.For(ctx, time.Until(c.began.Add(a.At))) {
			return ctx.Err()
		}
		c.note(a.Name)
		from := time.Since(c.began)
		if err := a.run(c); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		c.observe(a.Kind, from)
	}
	return nil
}

// Mend ends every fault: the network, the machines, the daemons, the services and the groups are as in the beginning, or on the way there.
func (c *Chaos) Mend(ctx context.Context) error {
	c.note("all is mended")
	if err := c.heal(); err != nil {
		return err
	}
	for _, m := range c.machines {
		for _, step := range []func(string) error{c.powerOn, c.thaw, c.startDaemon, c.pass, c.reviveProcess} {
			if err := step(m); err != nil {
				return fmt.Errorf("mend %s: %w", m, err)
			}
		}
	}
	c.observe("", time.Since(c.began))
	c.asking.Wait()
	first := c.machines[0]
	calls := []call{remove(first, "spare"), put(first, "web", c.machines, VIP4, VIP6)}
	over := c.ordered("put back", calls)
	defer func() { over(ctx.Err() == nil) }()
	for ctx.Err() == nil {
		err := c.send(ctx, calls[0])
		if err == nil || errors.Is(err, errMissing) {
			if err = c.send(ctx, calls[1]); err == nil {
				return nil
			}
		}
		if !pause.For(ctx, 20*time.Millisecond) {
			return fmt.Errorf("put the groups back as they were: %w", err)
		}
	}
	return ctx.Err()
}

// Log is what was done when.
func (c *Chaos) Log() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.log)
}

// Began is when the play began.
func (c *Chaos) Began() time.Time { return c.began }

func (c *Chaos) note(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.log = append(c.log, fmt.Sprintf("%s %7.3fs %s", now.Format("15:04:05.000"), now.Sub(c.began).Seconds(), s))
}

// Due are the times, up to now, in which an address had to be served but for what one failover takes: a majority was sound, one of it could serve,
// and it was certain that a group had the address.
func (c *Chaos) Due(a netip.Addr) []Calm {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.observer.due(a, time.Since(c.began))
}

// Injuries are the faults and orders up to now. What is in force still has no end.
func (c *Chaos) Injuries() []Injury {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.observer.injuries)
}

// observe looks at what an act that began at from has brought about.
func (c *Chaos) observe(kind string, from time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observer.see(kind, from, time.Since(c.began), c.bodies, c.deaf)
}

// ordered notes an order. What it answers is to be called when it is over.
func (c *Chaos) ordered(kind string, calls []call) (over func(done bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.observer.ordered(kind, time.Since(c.began), calls)
	return func(done bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		o(time.Since(c.began), done)
	}
}

func (c *Chaos) powerOff(m string) error {
	*c.bodies[m] = body{off: true, down: true, unplugged: c.bodies[m].unplugged, silent: c.bodies[m].silent}
	return c.Lab.Machine(m).PowerOff()
}

func (c *Chaos) powerOn(m string) error {
	b := c.bodies[m]
	if !b.off {
		return nil
	}
	b.off, b.down, b.frozen, b.failing, b.lame = false, false, false, false, false
	return c.PowerOn(c.life, m)
}

func (c *Chaos) kill(m string) error {
	b := c.bodies[m]
	if b.off {
		return nil
	}
	b.down, b.frozen = true, false
	return c.Daemon(m).Kill()
}

// startDaemon starts a daemon that is down. One that is still stopping is waited for, unless it is frozen, a little; then it is killed.
func (c *Chaos) startDaemon(m string) error {
	b := c.bodies[m]
	if b.off || !b.down {
		return nil
	}
	if b.frozen {
		if err := c.Daemon(m).Kill(); err != nil {
			return err
		}
	}
	select {
	case <-c.Daemon(m).Done():
	case <-time.After(stopLimit):
		c.note(m + ": the daemon has not stopped in time and is killed")
		_ = c.Daemon(m).Kill()
		<-c.Daemon(m).Done()
	}
	b.down, b.frozen = false, false
	return c.StartDaemon(m)
}

// stopLimit is how long a daemon may take to stop in good order.
const stopLimit = 3 * time.Second

func (c *Chaos) terminate(m string) error {
	if b := c.bodies[m]; b.off || b.down {
		return nil
	}
	c.bodies[m].down = true
	return c.Daemon(m).Signal(unix.SIGTERM)
}

func (c *Chaos) freeze(m string) error {
	if c.bodies[m].off {
		return nil
	}
	c.bodies[m].frozen = true
	return c.Daemon(m).Stop()
}

func (c *Chaos) thaw(m string) error {
	if c.bodies[m].off {
		return nil
	}
	c.bodies[m].frozen = false
	return c.Daemon(m).Cont()
}

func (c *Chaos) unplug(m string) error {
	c.bodies[m].unplugged = true
	return c.Lab.Machine(m).Unplug()
}

func (c *Chaos) plug(m string) error { c.bodies[m].unplugged = false; return c.Lab.Machine(m).Plug() }

func (c *Chaos) silence(m string) error {
	c.bodies[m].silent = true
	return c.Lab.Machine(m).Silence()
}

func (c *Chaos) unsilence(m string) error {
	c.bodies[m].silent = false
	return c.Lab.Machine(m).Unsilence()
}

func (c *Chaos) cut(pairs [][2]string) error {
	for _, p := range pairs {
		c.deaf[p] = true
		if err := c.Lab.CutOneWay(p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chaos) heal() error {
	clear(c.deaf)
	for _, b := range c.bodies {
		b.unplugged, b.silent = false, false
	}
	return c.Lab.Heal()
}

func (c *Chaos) fail(m string) error {
	if c.bodies[m].off {
		return nil
	}
	c.bodies[m].failing = true
	return c.Service(m).Fail(c.life)
}

func (c *Chaos) pass(m string) error {
	if c.bodies[m].off {
		return nil
	}
	c.bodies[m].failing = false
	return c.Service(m).Pass(c.life)
}

func (c *Chaos) killProcess(m string) error {
	if c.bodies[m].off || c.bodies[m].lame {
		return nil
	}
	c.bodies[m].lame = true
	return c.processes[m].Kill()
}

func (c *Chaos) reviveProcess(m string) error {
	if c.bodies[m].off || !c.bodies[m].lame {
		return nil
	}
	c.bodies[m].lame = false
	return c.startProcess(m)
}

// removeAddress takes an address off the first of the machines that has it.
func (c *Chaos) removeAddress(vip string, order []string) error {
	a := netip.MustParseAddr(vip)
	for _, m := range order {
		if c.bodies[m].off {
			continue
		}
		if has, err := c.Lab.Machine(m).HasAddress(a); err != nil || !has {
			continue
		}
		if err := c.Lab.Machine(m).RemoveAddress(netip.PrefixFrom(a, a.BitLen())); err == nil {
			c.note(m + ": removed " + vip)
			return nil
		}
	}
	return nil
}

// ask has an operator give an order, call after call, beside what else goes on.
func (c *Chaos) ask(kind string, calls ...call) error {
	over := c.ordered(kind, calls)
	c.asking.Go(func() {
		err := c.insist(c.life, calls)
		over(err == nil)
		if err == nil {
			c.note(fmt.Sprintf("done: %v", calls))
		} else {
			c.note(fmt.Sprintf("given up: %v: %v", calls, err))
		}
	})
	return nil
}
