package keeper

import (
	"fmt"
	"net/netip"
	"slices"

	"holdfast/failover/fence"
)

// Attach does nothing: the keeper looks at addresses, not at interfaces.
func (*Host) Attach(int) error { return nil }

// Manage does nothing: Put tells the keeper of the address and of its commands at once.
func (*Host) Manage(netip.Addr) error { return nil }

// Open lets the keeper add the address, if it is not there, and remove it ahead of the deadline.
func (h *Host) Open(addr netip.Addr, deadline fence.Boottime) error {
	err := h.ask(request{Do: "set", Addr: addr, Deadline: max(deadline, 0)})
	if err != nil {
		return fmt.Errorf("open %s: %w", addr, err)
	}
	return nil
}

// Shut lets the keeper remove the address, and returns when it is gone.
func (h *Host) Shut(addr netip.Addr) error {
	if err := h.ask(request{Do: "set", Addr: addr}); err != nil {
		return fmt.Errorf("shut %s: %w", addr, err)
	}
	return nil
}

// Forget ends the keeper's care of an address.
func (h *Host) Forget(addr netip.Addr) error {
	if err := h.ask(request{Do: "forget", Addr: addr}); err != nil {
		return fmt.Errorf("forget %s: %w", addr, err)
	}
	return nil
}

// Deadline is until when the keeper leaves the address on the machine.
func (h *Host) Deadline(addr netip.Addr) (fence.Boottime, error) {
	if err := h.ask(request{Do: "list"}); err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d, managed := h.known[addr]
	if !managed {
		return 0, fence.ErrNotManaged
	}
	return d, nil
}

// Managed are the addresses that the keeper cares for, those of an earlier daemon included.
func (h *Host) Managed() ([]netip.Addr, error) {
	if err := h.ask(request{Do: "list"}); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []netip.Addr
	for a := range h.known {
		out = append(out, a)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out, nil
}

// Driver returns "exec".
func (*Host) Driver() string { return "exec" }

// Describe says in a line how leases are enforced, and in what that is weaker.
func (h *Host) Describe() string {
	return fmt.Sprintf("exec: a process of its own, the keeper, adds addresses with %q and removes them ahead of the deadline; "+
		"weaker than a kernel that fences: who kills the keeper together with the daemon, or leaves it no time to run a command, keeps the address past its lease",
		h.commands.Add[0])
}
