package operator

import (
	"fmt"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/lease"
)

// handover is what passes at most from the moment that nothing stands in the way of another machine until it has the lease and has told the
// neighbours, on a machine that is not overloaded.
const handover = 30 * time.Millisecond

// elsewhere is how soon a leader hears of a check's result.
const elsewhere = 10 * time.Millisecond

// Budget is how long each group may be unserved at worst, by cause, from the leases and the checks as they are.
func (o *Operator) Budget(v *state.View) []cluster.Budget {
	var out []cluster.Budget
	for _, g := range v.Groups() {
		out = append(out, budgetOf(v, g, o.timing.TTL, o.timing.Heartbeat)...)
	}
	return out
}

func budgetOf(v *state.View, g *cluster.Group, ttl, heartbeat time.Duration) []cluster.Budget {
	var out []cluster.Budget
	starts := time.Duration(0)
	for _, r := range g.Effects.Runs {
		starts += r.Limit()
	}
	add := func(cause, what string, worst time.Duration, why string) {
		why += fmt.Sprintf(" + handover %s", handover)
		worst += handover
		if starts > 0 {
			why += fmt.Sprintf(" + starts that may take %s", starts)
			worst += starts
		}
		out = append(out, cluster.Budget{Group: g.Name, Cause: cause, What: what, Worst: worst, Why: why})
	}
	margin := lease.Margin(ttl)
	add("machine", "the holder loses power or its network", ttl+margin, fmt.Sprintf("lease %s + margin %s", ttl, margin))
	elected := 3 * heartbeat
	worst := max(ttl+margin, elected) + ttl/6
	add("leader", "the holder loses power or its network, and leads too", worst, fmt.Sprintf("the later of lease and margin %s and an election %s + word from all machines %s", ttl+margin, elected, ttl/6))
	add("daemon", "the holder's daemon hangs or dies for good", ttl/4+margin, fmt.Sprintf("the kernel serves on until the lease ends; from then margin %s, and up to %s because the last renewal was asked for before it arrived", margin, ttl/4))
	for _, c := range checksOf(v, g) {
		notice, why := noticed(c)
		add("check "+c.Name, fmt.Sprintf("what the check %q asks fails on %s", c.Name, c.Node), notice+elsewhere, why+fmt.Sprintf(" + the word to the leader %s", elsewhere))
	}
	stops := ""
	moved := time.Duration(0)
	if len(g.Effects.Runs) > 0 {
		moved, stops = starts, fmt.Sprintf("stops that may take %s", starts)
	}
	add("move", "an operator moves it, or its holder goes into maintenance or stops", moved, strings.TrimPrefix(stops, " + "))
	for i := range out {
		out[i].Why = strings.TrimPrefix(out[i].Why, " + ")
	}
	return out
}

// checksOf are the checks that take the group from its holder.
func checksOf(v *state.View, g *cluster.Group) []*cluster.Check {
	a := v.Assignment(g.Name)
	if a == nil || a.Node == "" {
		return nil
	}
	var out []*cluster.Check
	for _, c := range v.NodeChecks(a.Node) {
		if c.ID != cluster.SerfHealth && (c.ServiceID == "" || g.Service != "" && c.ServiceName == g.Service) {
			out = append(out, c)
		}
	}
	return out
}

// noticed is how long it is at most until a check tells of a failure.
func noticed(c *cluster.Check) (time.Duration, string) {
	switch c.Type {
	case "process":
		return elsewhere, "the kernel tells of a process that ends at once"
	case "maintenance":
		return 0, "it is an operator's"
	}
	interval, err := time.ParseDuration(c.Interval)
	timeout, err2 := time.ParseDuration(c.Timeout)
	if err != nil || interval <= 0 {
		return 0, "whoever reports it decides how soon"
	}
	if err2 != nil || timeout <= 0 {
		return interval + cluster.DefaultHookTimeout, fmt.Sprintf("interval %s + timeout %s", interval, cluster.DefaultHookTimeout)
	}
	return interval + timeout, fmt.Sprintf("interval %s + timeout %s", interval, timeout)
}
