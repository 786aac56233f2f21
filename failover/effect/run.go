package effect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"holdfast/cluster"
	"holdfast/failover/program"
)

// Started is what was started on this machine, by group and in order, by this daemon or an earlier one.
func (h *Host) Started() map[string][]cluster.Run {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.ledger.Runs)
}

// Start starts a run of a group, and waits until it is started. The ledger knows of it before.
func (h *Host) Start(ctx context.Context, group string, r cluster.Run, environ []string) (output string, err error) {
	if err := h.note(group, r, true); err != nil {
		return "", err
	}
	if r.Unit != "" {
		return "", startUnit(ctx, r)
	}
	return program.Program{Args: r.Start, Env: environ, Timeout: r.Limit()}.Run(ctx)
}

// Stop stops a run of a group. What does not stop in time stays known as started no longer: to try for ever would keep the group from others.
func (h *Host) Stop(ctx context.Context, group string, r cluster.Run, environ []string) (output string, err error) {
	switch {
	case r.Unit != "":
		err = stopUnit(ctx, r)
	case len(r.Stop) > 0:
		output, err = program.Program{Args: r.Stop, Env: environ, Timeout: r.Limit()}.Run(ctx)
	}
	return output, errors.Join(err, h.note(group, r, false))
}

// note writes into the ledger that a run is started, or is not.
func (h *Host) note(group string, r cluster.Run, started bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	rs := slices.DeleteFunc(slices.Clone(h.ledger.Runs[group]), r.Equal)
	if started {
		rs = append(rs, r)
	}
	h.ledger.Runs[group] = rs
	if len(rs) == 0 {
		delete(h.ledger.Runs, group)
	}
	if err := h.ledger.write(); err != nil {
		return fmt.Errorf("note %s: %w", r, err)
	}
	return nil
}
