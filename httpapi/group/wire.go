package group

import (
	"net/netip"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// The JSON of the /v1/failover API. Times are RFC 3339, durations strings such as "10s".

// Group is a failover group.
type Group struct {
	Name      string
	VIPs      []VIP
	Service   string
	Prefer    []string
	Preempt   bool
	OnAcquire []Hook
	OnRelease []Hook

	PreemptDelay string            `json:",omitempty"`
	HoldDown     string            `json:",omitempty"` // "" for the default, "0s" for none
	ApartFrom    []string          `json:",omitempty"`
	TogetherWith []string          `json:",omitempty"`
	Weight       int               `json:",omitempty"`
	OnQuorumLoss string            `json:",omitempty"`
	OnConflict   string            `json:",omitempty"`
	Sysctls      map[string]string `json:",omitempty"`
	Runs         []Run             `json:",omitempty"`
	Routes       []Route           `json:",omitempty"`
	Masquerades  []Masquerade      `json:",omitempty"`
	Verify       []Verify          `json:",omitempty"`
	Conntrack    string            `json:",omitempty"`

	CreateIndex, ModifyIndex uint64
}

// VIP is one virtual IP of a group, with the prefix length of its network.
type VIP struct {
	Address   string
	Interface string
	Source    bool `json:",omitempty"`
}

// Hook is a program that runs when a machine acquires or releases a group.
type Hook struct {
	Args    []string
	Timeout string
}

// Assignment says which machine is to hold a group.
type Assignment struct {
	Group       string
	Node        string
	Epoch       uint64
	Moved       bool
	Why         string
	Since       time.Time
	ModifyIndex uint64
}

// PlannedMove is a move that an operator planned.
type PlannedMove struct {
	Group string
	Node  string // where to
	At    time.Time
}

// GroupStatus is a group with where it is.
type GroupStatus struct {
	Group
	Assignment Assignment
	Planned    *PlannedMove `json:",omitempty"`
}

// Verdict is what the plan says of one machine.
type Verdict struct {
	Node     string
	Eligible bool
	Rank     int
	Why      string
	Change   string // what would make it the holder, "" for the one that is
}

// Decision is what the plan says of one group.
type Decision struct {
	Group    string
	Node     string
	Current  string
	Epoch    uint64
	Changed  bool
	Why      string
	Planned  *PlannedMove `json:",omitempty"`
	Verdicts []Verdict
}

// Transition is one entry of the timeline.
type Transition struct {
	Index  uint64
	Time   time.Time
	Kind   string
	Group  string
	Node   string
	Epoch  uint64
	Why    string
	Detail string
	Took   string
}

// Explanation is why a group is where it is.
type Explanation struct {
	Group      Group
	Assignment Assignment
	Decision   Decision
	Moves      []Move // the newest changes of the holder
	Timeline   []Transition
}

// Holding is what this machine does for a group now.
type Holding struct {
	Group     string
	Node      string
	Epoch     uint64
	Phase     string
	Remaining string
	Addresses []string
	Fence     string
}

// Machine is what failover knows of a machine.
type Machine struct {
	Node   string
	Live   bool
	Why    string
	Since  time.Time
	Unable map[string]string
}

// FailoverStatus is the answer of /v1/failover/status.
type FailoverStatus struct {
	Node     string // this machine
	Leader   string // the leader's RPC address, "" for none
	Cluster  string // the cluster ID, "" while there is none
	Machines []Machine
	Groups   []GroupStatus
	Holdings []Holding // of this machine
}

// groupOf is the domain's group of a JSON one.
func groupOf(g *Group) (cluster.Group, error) {
	f := &fields{group: g.Name}
	out := cluster.Group{
		Name: g.Name, Service: g.Service, Prefer: g.Prefer, Preempt: g.Preempt, ModifyIndex: g.ModifyIndex,
		PreemptDelay: f.duration("PreemptDelay", g.PreemptDelay), HoldDown: f.given("HoldDown", g.HoldDown), ApartFrom: g.ApartFrom, TogetherWith: g.TogetherWith, Weight: g.Weight,
		OnQuorumLoss: g.OnQuorumLoss, OnConflict: g.OnConflict, Effects: f.effects(g),
	}
	if f.err != nil {
		return out, f.err
	}
	for _, v := range g.VIPs {
		p, err := netip.ParsePrefix(v.Address)
		if err != nil {
			return out, cluster.Errorf(cluster.Invalid, "group %q: VIPs: %q is not an address with a prefix length: write it as \"10.0.0.100/24\"", g.Name, v.Address)
		}
		out.VIPs = append(out.VIPs, cluster.VIP{Prefix: p, Interface: v.Interface, Source: v.Source})
	}
	var err error
	if out.OnAcquire, err = hooksOf(g.Name, "OnAcquire", g.OnAcquire); err != nil {
		return out, err
	}
	if out.OnRelease, err = hooksOf(g.Name, "OnRelease", g.OnRelease); err != nil {
		return out, err
	}
	return out, out.Validate()
}

func hooksOf(group, field string, hooks []Hook) ([]cluster.Hook, error) {
	var out []cluster.Hook
	for _, h := range hooks {
		d := time.Duration(0)
		if h.Timeout != "" {
			var err error
			if d, err = time.ParseDuration(h.Timeout); err != nil {
				return nil, cluster.Errorf(cluster.Invalid, "group %q: %s: timeout %q is not a duration: write it as \"10s\"", group, field, h.Timeout)
			}
		}
		out = append(out, cluster.Hook{Args: h.Args, Timeout: d})
	}
	return out, nil
}

// GroupJSON is the JSON of a domain group.
func GroupJSON(g *cluster.Group) Group {
	out := Group{
		Name: g.Name, VIPs: []VIP{}, Service: g.Service, Prefer: exchange.OrEmpty(g.Prefer), Preempt: g.Preempt,
		OnAcquire: hooksJSON(g.OnAcquire), OnRelease: hooksJSON(g.OnRelease), CreateIndex: g.CreateIndex, ModifyIndex: g.ModifyIndex,
		PreemptDelay: orNothing(g.PreemptDelay), HoldDown: ifGiven(g.HoldDown), ApartFrom: g.ApartFrom, TogetherWith: g.TogetherWith, Weight: g.Weight,
		OnQuorumLoss: g.OnQuorumLoss, OnConflict: g.OnConflict,
	}
	effectsJSON(&out, &g.Effects)
	for _, v := range g.VIPs {
		out.VIPs = append(out.VIPs, VIP{Address: v.Prefix.String(), Interface: v.Interface, Source: v.Source})
	}
	return out
}

func hooksJSON(hooks []cluster.Hook) []Hook {
	out := []Hook{}
	for _, h := range hooks {
		j := Hook{Args: h.Args}
		if h.Timeout > 0 {
			j.Timeout = h.Timeout.String()
		}
		out = append(out, j)
	}
	return out
}

func assignmentJSON(a *cluster.Assignment) Assignment {
	if a == nil {
		return Assignment{}
	}
	return Assignment{Group: a.Group, Node: a.Node, Epoch: a.Epoch, Moved: a.Moved, Why: a.Why, Since: a.Since, ModifyIndex: a.ModifyIndex}
}

func plannedJSON(p *cluster.PlannedMove) *PlannedMove {
	if p == nil {
		return nil
	}
	return &PlannedMove{Group: p.Group, Node: p.Node, At: p.At}
}

func decisionJSON(d *cluster.Decision) Decision {
	out := Decision{Group: d.Group, Node: d.Node, Current: d.Current, Epoch: d.Epoch, Changed: d.Changed(), Why: d.Why, Planned: plannedJSON(d.Planned), Verdicts: []Verdict{}}
	for _, v := range d.Verdicts {
		out.Verdicts = append(out.Verdicts, Verdict(v))
	}
	return out
}

func timelineJSON(entries []*cluster.Transition) []Transition {
	out := []Transition{}
	for _, t := range entries {
		j := Transition{Index: t.Index, Time: t.Time, Kind: string(t.Kind), Group: t.Group, Node: t.Node, Epoch: t.Epoch, Why: t.Why, Detail: t.Detail}
		if t.Took > 0 {
			j.Took = t.Took.String()
		}
		out = append(out, j)
	}
	return out
}

func holdingsJSON(hs []cluster.Holding) []Holding {
	out := []Holding{}
	for _, h := range hs {
		out = append(out, Holding{
			Group: h.Group, Node: h.Node, Epoch: h.Epoch, Phase: h.Phase, Remaining: h.Remaining.String(), Addresses: exchange.OrEmpty(h.Addresses), Fence: h.Fence,
		})
	}
	return out
}

func machinesJSON(ps []*cluster.Presence) []Machine {
	out := []Machine{}
	for _, p := range ps {
		out = append(out, Machine{Node: p.Node, Live: p.Live, Why: p.Why, Since: p.Since, Unable: exchange.OrEmptyMap(p.Unable)})
	}
	return out
}
