//go:build linux

package stage

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Role says how the holder stands to the Raft leader when a fault begins.
type Role uint8

// The roles.
const (
	Any     Role = iota // as it comes
	Follows             // the holder is not the leader
	Leads               // the holder is the leader
)

// move is where the group must go first for the role, "" for nowhere.
func (r Role) move(x *Scene) string {
	switch {
	case r == Leads && x.Holder != x.Leader:
		return x.Leader
	case r == Follows && x.Holder == x.Leader:
		return x.Other(x.Leader)
	}
	return ""
}

// Fault is something that befalls the cluster.
type Fault struct {
	Name  string
	Text  string // what happens, for people; %s is the holder
	Role  Role
	Limit time.Duration // the outage that it may cause, as promised
	Run   func(ctx context.Context, x *Scene) error
	Mend  func(ctx context.Context, x *Scene) error // brings everything back; nil for nothing to do
}

// after gives back what the sequence of steps returns first.
func steps(fs ...func() error) error {
	for _, f := range fs {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// Lengths are how long the faults last that end by themselves.
type Lengths struct {
	Freeze time.Duration // a daemon is stopped for
	Cut    time.Duration // a network is parted for
	After  time.Duration // watched on when it is over: that is no outage either
}

// The lengths that can be chosen. What happens, happens in the first second; the full ones are those of the promise.
var (
	Short = Lengths{Freeze: 3 * time.Second, Cut: 3 * time.Second, After: 2 * time.Second}
	Full  = Lengths{Freeze: 15 * time.Second, Cut: 10 * time.Second, After: 5 * time.Second}
)

// LengthsOf are the lengths by their name: "full", or "short" or "" for the others.
func LengthsOf(name string) (Lengths, error) {
	switch name {
	case "", "short":
		return Short, nil
	case "full":
		return Full, nil
	}
	return Lengths{}, fmt.Errorf("there is no length %q; there are short and full", name)
}

// Faults are the faults that Holdfast promises to carry.
func Faults(l Lengths) []Fault {
	freeze, cut, deaf := l.freeze, l.cut, l.deaf
	frozen, parted := "is stopped (SIGSTOP) and goes on after "+seconds(l.Freeze), "healed after "+seconds(l.Cut)
	return []Fault{
		{Name: "process", Text: "the service's process on %s dies (process check)", Role: Follows, Limit: 60 * time.Millisecond, Run: killProcess, Mend: restartProcess},
		{Name: "check", Text: "the service on %s fails its check", Role: Follows, Limit: 160 * time.Millisecond, Run: failCheck, Mend: passCheck},
		{Name: "restart", Text: "the daemon on %s is killed (kill -9) and starts again at once", Role: Follows, Limit: time.Second, Run: restart},
		{Name: "kill", Text: "the daemon on %s is killed (kill -9) and stays away", Role: Any, Limit: time.Second, Run: kill, Mend: startDaemon},
		{Name: "freeze-leader", Text: "the daemon on %s, which is the Raft leader too, " + frozen, Role: Leads, Limit: time.Second, Run: freeze},
		{Name: "freeze", Text: "the daemon on %s " + frozen, Role: Follows, Limit: time.Second, Run: freeze},
		{Name: "power", Text: "%s, which does not lead, loses power", Role: Follows, Limit: 900 * time.Millisecond, Run: power, Mend: powerOn},
		{Name: "power-leader", Text: "%s, which is the Raft leader too, loses power", Role: Leads, Limit: 1200 * time.Millisecond, Run: power, Mend: powerOn},
		{Name: "cable", Text: "the cable of %s is pulled, which is the Raft leader too", Role: Leads, Limit: 1200 * time.Millisecond, Run: unplug, Mend: plug},
		{Name: "cut", Text: "%s is cut off from the others while the client sees all; " + parted, Role: Any, Limit: 1200 * time.Millisecond, Run: cut},
		{Name: "oneway", Text: "%s hears nothing of the others, and they still hear it; " + parted, Role: Any, Limit: 1200 * time.Millisecond, Run: deaf},
		{Name: "stop", Text: "the daemon on %s is stopped in good order (SIGTERM)", Role: Any, Limit: 30 * time.Millisecond, Run: stop, Mend: startDaemon},
		{Name: "move", Text: "an operator moves the group away from %s", Role: Any, Limit: 30 * time.Millisecond, Run: move},
		{Name: "maintenance", Text: "%s is put into maintenance", Role: Any, Limit: 60 * time.Millisecond, Run: maintain, Mend: endMaintenance},
		{Name: "power-all", Text: "all three machines lose power and start again", Role: Any, Limit: 2 * time.Second, Run: powerAll},
		{Name: "flap", Text: "the service on %s fails and passes every 300 ms for 10 s", Role: Any, Limit: 500 * time.Millisecond, Run: flap},
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + " s" }

func failCheck(ctx context.Context, x *Scene) error {
	return steps(func() error { return x.Service(x.Holder).Fail(ctx) }, func() error { return x.TakenOver(ctx) })
}

func passCheck(ctx context.Context, x *Scene) error { return x.Service(x.Holder).Pass(ctx) }

func killProcess(ctx context.Context, x *Scene) error {
	return steps(x.processes[x.Holder].Kill, func() error { return x.TakenOver(ctx) })
}

func restartProcess(_ context.Context, x *Scene) error { return x.startProcess(x.Holder) }

func kill(ctx context.Context, x *Scene) error {
	return steps(x.Daemon(x.Holder).Kill, func() error { return x.TakenOver(ctx) }, func() error { return x.Last(ctx, time.Second) })
}

func startDaemon(_ context.Context, x *Scene) error { return x.StartDaemon(x.Holder) }

// ended waits until the daemon of the holder is gone, as whoever starts it again does.
func ended(ctx context.Context, x *Scene) error {
	select {
	case <-x.Daemon(x.Holder).Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func restart(ctx context.Context, x *Scene) error {
	return steps(x.Daemon(x.Holder).Kill, func() error { return ended(ctx, x) }, func() error { return x.StartDaemon(x.Holder) }, func() error { return x.Last(ctx, 2*time.Second) })
}

func (l Lengths) freeze(ctx context.Context, x *Scene) error {
	return steps(x.Daemon(x.Holder).Stop, func() error { return x.TakenOver(ctx) }, func() error { return x.Last(ctx, l.Freeze) },
		x.Daemon(x.Holder).Cont, func() error { return x.Over(ctx, l.After) })
}

func power(ctx context.Context, x *Scene) error {
	return steps(x.Lab.Machine(x.Holder).PowerOff, func() error { return x.TakenOver(ctx) }, func() error { return x.Last(ctx, time.Second) })
}

func powerOn(ctx context.Context, x *Scene) error { return x.PowerOn(ctx, x.Holder) }

func unplug(ctx context.Context, x *Scene) error {
	return steps(func() error { return x.Lab.Machine(x.Holder).Unplug() }, func() error { return x.TakenOver(ctx) }, func() error { return x.Last(ctx, 2*time.Second) })
}

func plug(_ context.Context, x *Scene) error { return x.Lab.Machine(x.Holder).Plug() }

func (l Lengths) cut(ctx context.Context, x *Scene) error {
	return l.parted(ctx, x, func() error { return x.Lab.Isolate(x.Holder, "client") })
}

func (l Lengths) deaf(ctx context.Context, x *Scene) error {
	return l.parted(ctx, x, func() error {
		for _, m := range x.opts.Machines {
			if m != x.Holder {
				if err := x.Lab.CutOneWay(m, x.Holder); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (l Lengths) parted(ctx context.Context, x *Scene, part func() error) error {
	return steps(part, func() error { return x.TakenOver(ctx) }, func() error { return x.Last(ctx, l.Cut) }, x.Lab.Heal,
		func() error { return x.Over(ctx, l.After) })
}

func stop(ctx context.Context, x *Scene) error {
	return steps(func() error { return x.Daemon(x.Holder).Signal(unix.SIGTERM) }, func() error { return x.TakenOver(ctx) },
		func() error { return x.Daemon(x.Holder).Wait(ctx) })
}

func move(ctx context.Context, x *Scene) error {
	return steps(func() error { return x.Put(ctx, x.Leader, "/v1/failover/group/web/move?to="+x.Next()) }, func() error { return x.Await(ctx, x.Next()) },
		func() error { return x.Last(ctx, 500*time.Millisecond) })
}

func maintain(ctx context.Context, x *Scene) error {
	return steps(func() error { return x.Put(ctx, x.Holder, "/v1/agent/maintenance?enable=true&reason=new+disk") },
		func() error { return x.TakenOver(ctx) }, func() error { return x.Last(ctx, 500*time.Millisecond) })
}

func endMaintenance(ctx context.Context, x *Scene) error {
	return x.Put(ctx, x.Holder, "/v1/agent/maintenance?enable=false")
}

func powerAll(ctx context.Context, x *Scene) error {
	for _, m := range x.opts.Machines {
		if err := x.Lab.Machine(m).PowerOff(); err != nil {
			return err
		}
	}
	for _, m := range x.opts.Machines {
		if err := x.PowerOn(ctx, m); err != nil {
			return err
		}
	}
	return steps(func() error { return x.Await(ctx, "") }, func() error { return x.Last(ctx, time.Second) })
}

func flap(ctx context.Context, x *Scene) error {
	svc := x.Service(x.Holder)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		err := steps(func() error { return svc.Fail(ctx) }, func() error { return x.Last(ctx, 300*time.Millisecond) },
			func() error { return svc.Pass(ctx) }, func() error { return x.Last(ctx, 300*time.Millisecond) })
		if err != nil {
			return err
		}
	}
	return nil
}
