//go:build linux

package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"holdfast/cluster/pause"
	"holdfast/failover/lab"
)

// Scene is a stage that has settled, with probes on both addresses of the group.
type Scene struct {
	*Stage
	Holder string // who held the group when the scene began
	Leader string // who led
	v4, v6 *lab.Probe
	over   time.Time // when the fault was over, zero for one that does not end by itself
}

// tryFor is how long a state is waited for that is gone for good where the cluster has moved on meanwhile: then all begins anew.
const tryFor = 10 * time.Second

// Begin settles the cluster, with the holder leading it or not as wanted, and starts to watch.
func (s *Stage) Begin(ctx context.Context, want Role) (*Scene, error) {
	for {
		x, err := s.begin(ctx, want)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return x, err
		}
	}
}

func (s *Stage) begin(ctx context.Context, want Role) (*Scene, error) {
	x := &Scene{Stage: s}
	var err error
	if x.Holder, x.Leader, err = s.Settle(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	if to := want.move(x); to != "" {
		if err := s.Put(ctx, to, "/v1/failover/group/web/move?to="+to); err != nil {
			return nil, err
		}
		if err := s.held(ctx, to); err != nil {
			return nil, err
		}
		x.Holder = to
	}
	if x.v4, err = s.watch(ctx, lab.ProbeOptions{VIP: VIP4}, x.Holder); err != nil {
		return nil, err
	}
	if x.v6, err = s.watch(ctx, lab.ProbeOptions{VIP: VIP6}, x.Holder); err != nil {
		x.v4.Close()
		return nil, err
	}
	return x, nil
}

// held waits until the plan has settled on a holder.
func (s *Stage) held(ctx context.Context, by string) error {
	for {
		holder, _, err := s.Settle(ctx)
		if err == nil && holder != by {
			pause.For(ctx, 20*time.Millisecond)
			err = ctx.Err()
		}
		if err != nil || holder == by {
			return err
		}
	}
}

// watch starts a probe on an address once the holder answers for it.
func (s *Stage) watch(ctx context.Context, o lab.ProbeOptions, holder string) (*lab.Probe, error) {
	first := s.Lab.NewProbe(o)
	if err := first.Open(ctx); err != nil {
		return nil, err
	}
	err := first.Await(ctx, holder)
	first.Close()
	if err != nil {
		return nil, fmt.Errorf("%s does not serve %s: %w", holder, o.VIP, err)
	}
	p := s.Lab.NewProbe(o)
	if err := p.Open(ctx); err != nil {
		return nil, err
	}
	if err := p.Await(ctx, holder); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Await waits until a machine ("" for any) answers the client on both addresses.
func (x *Scene) Await(ctx context.Context, machine string) error {
	if err := x.v4.Await(ctx, machine); err != nil {
		return err
	}
	return x.v6.Await(ctx, machine)
}

// TakenOver waits until another machine than the one that held the group answers the client on both addresses. Which one that is, the plan decides:
// one that has lost the group again and again comes last for a while.
func (x *Scene) TakenOver(ctx context.Context) error {
	if err := x.v4.AwaitOther(ctx, x.Holder); err != nil {
		return err
	}
	return x.v6.AwaitOther(ctx, x.Holder)
}

// Last lets things be as they are for a while.
func (x *Scene) Last(ctx context.Context, d time.Duration) error {
	pause.For(ctx, d)
	return ctx.Err()
}

// Over notes that the fault is over, and watches on for a while.
func (x *Scene) Over(ctx context.Context, d time.Duration) error {
	x.over = time.Now()
	return x.Last(ctx, d)
}

// After is the longest outage that began after the fault was over, and whether the fault ended by itself.
func (x *Scene) After(reports ...lab.Report) (longest time.Duration, ended bool) {
	if x.over.IsZero() {
		return 0, false
	}
	for _, r := range reports {
		for _, o := range r.Outages {
			if r.Began.Add(o.From).After(x.over) {
				longest = max(longest, o.Length())
			}
		}
	}
	return longest, true
}

// Next is the machine that an operator moves the group to: the first in prefer but for the holder.
func (x *Scene) Next() string { return x.Other(x.Holder) }

// Other is the first machine in prefer but for one.
func (x *Scene) Other(than string) string {
	for _, m := range x.opts.Machines {
		if m != than {
			return m
		}
	}
	return ""
}

// End stops watching and reports what was seen on each address.
func (x *Scene) End() (v4, v6 lab.Report) { return x.v4.Close(), x.v6.Close() }

// AsPlanned waits until the cluster has settled, and checks that the plan wants nothing else and that its holder is the one who answers.
func (x *Scene) AsPlanned(ctx context.Context) error {
	for {
		err := x.asPlanned(ctx)
		if err == nil {
			return nil
		}
		if !pause.For(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

func (x *Scene) asPlanned(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	holder, _, err := x.Settle(ctx)
	if err != nil {
		return err
	}
	var plan []struct {
		Node    string
		Changed bool
		Why     string
	}
	if err := x.Get(ctx, holder, "/v1/failover/plan", &plan); err != nil {
		return err
	}
	if len(plan) != 1 || plan[0].Changed || plan[0].Node != holder {
		return fmt.Errorf("%s holds the group, and the plan says %+v", holder, plan)
	}
	return x.Await(ctx, holder)
}
