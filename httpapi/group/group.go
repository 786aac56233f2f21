package group

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// Failover plans and moves groups, and says what this machine holds.
type Failover interface {
	// Plan decides every group. The given ones take the place of those in the state, or come beside them. An error says why one of them
	// cannot be taken at all.
	// Suppose is taken for true.
	Plan(v *state.View, groups []cluster.Group, suppose cluster.Supposition) ([]cluster.Decision, error)
	Move(ctx context.Context, opts cluster.WriteOptions, group, node string) (cluster.Assignment, error)
	PlanMove(ctx context.Context, opts cluster.WriteOptions, group, node string, in time.Duration) (cluster.PlannedMove, error)
	CancelMove(ctx context.Context, opts cluster.WriteOptions, group string) error
	Holdings() []cluster.Holding
	// Budget is how long groups may be unserved, by cause.
	Budget(v *state.View) []cluster.Budget
}

// Raft says who leads.
type Raft interface {
	Leader() string // the leader's RPC address, "" for none
}

// failoverHandler answers /v1/failover/.
type failoverHandler struct {
	reader   exchange.Reader
	writer   exchange.Writer
	failover Failover
	raft     Raft
	node     string
}

// Routes are the endpoints of /v1/failover/. node is this machine.
func Routes(reader exchange.Reader, writer exchange.Writer, failover Failover, raft Raft, node string) exchange.Routes {
	h := &failoverHandler{reader, writer, failover, raft, node}
	return exchange.Routes{
		"/v1/failover/groups":            {http.MethodGet: h.groups, http.MethodPut: h.putGroups},
		"/v1/failover/group/{name}":      {http.MethodGet: h.group, http.MethodPut: h.putGroup, http.MethodDelete: h.deleteGroup},
		"/v1/failover/group/{name}/move": {http.MethodPut: h.move, http.MethodDelete: h.cancelMove},
		"/v1/failover/plan":              {http.MethodPut: h.plan, http.MethodGet: h.plan},
		"/v1/failover/explain/{name}":    {http.MethodGet: h.explain},
		"/v1/failover/budget":            {http.MethodGet: h.budget},
		"/v1/failover/timeline":          {http.MethodGet: h.timeline},
		"/v1/failover/status":            {http.MethodGet: h.status},
	}
}

func (h *failoverHandler) groups(r *exchange.Request) (*exchange.Reply, error) {
	var out []GroupStatus
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { out = groupStatuses(v); return nil })
	return exchange.Found(out, meta, err)
}

func groupStatuses(v *state.View) []GroupStatus {
	return exchange.Each(v.Groups(), func(g *cluster.Group) GroupStatus { return groupStatus(v, g) })
}

func groupStatus(v *state.View, g *cluster.Group) GroupStatus {
	return GroupStatus{Group: GroupJSON(g), Assignment: assignmentJSON(v.Assignment(g.Name)), Planned: plannedJSON(v.PlannedMove(g.Name))}
}

// existing is the group that the path names, or a NotFound error.
func existing(v *state.View, r *exchange.Request) (*cluster.Group, error) {
	name := r.PathValue("name")
	if g := v.Group(name); g != nil {
		return g, nil
	}
	return nil, cluster.Errorf(cluster.NotFound, "there is no group %q: \"holdfast group list\" names them", name)
}

func (h *failoverHandler) group(r *exchange.Request) (*exchange.Reply, error) {
	var out GroupStatus
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		g, err := existing(v, r)
		if err != nil {
			return err
		}
		out = groupStatus(v, g)
		return nil
	})
	return exchange.Found(out, meta, err)
}

// putGroup creates or changes a group; with cas, only if its index is that one. The plan has the first word: it knows what no machine can
// carry.
func (h *failoverHandler) putGroup(r *exchange.Request) (*exchange.Reply, error) {
	var body Group
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if body.Name == "" {
		body.Name = name
	}
	if body.Name != name {
		return nil, cluster.Errorf(cluster.Invalid, "the path names the group %q and the body %q: give one name", name, body.Name)
	}
	g, err := groupOf(&body)
	if err != nil {
		return nil, err
	}
	if g.ModifyIndex, err = exchange.Number(r, "cas"); err != nil {
		return nil, err
	}
	if _, _, err := h.decide(r, []cluster.Group{g}, cluster.Supposition{}); err != nil {
		return nil, err
	}
	_, err = h.writer.Apply(r.Context(), r.WriteOptions(), cluster.NewPutGroup(g, r.Has("cas")))
	return exchange.Done(err)
}

// putGroups creates or changes the groups of the body, all of them or none.
func (h *failoverHandler) putGroups(r *exchange.Request) (*exchange.Reply, error) {
	var body []Group
	if err := r.Decode(&body); err != nil {
		return nil, err
	}
	groups, err := groupsOf(body)
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, cluster.Errorf(cluster.Invalid, "the body has no group: give a list of one or more")
	}
	if _, _, err := h.decide(r, groups, cluster.Supposition{}); err != nil {
		return nil, err
	}
	_, err = h.writer.Apply(r.Context(), r.WriteOptions(), &cluster.PutGroups{Groups: groups})
	return exchange.Done(err)
}

func (h *failoverHandler) deleteGroup(r *exchange.Request) (*exchange.Reply, error) {
	_, err := h.writer.Apply(r.Context(), r.WriteOptions(), &cluster.DeleteGroup{Name: r.PathValue("name")})
	return exchange.Done(err)
}

func (h *failoverHandler) move(r *exchange.Request) (*exchange.Reply, error) {
	to := r.Query.Get("to")
	if to == "" {
		return nil, cluster.Errorf(cluster.Invalid, "the parameter to is missing: name the machine that is to hold the group, as in ?to=n2")
	}
	if r.Has("in") {
		return h.planMove(r, to)
	}
	a, err := h.failover.Move(r.Context(), r.WriteOptions(), r.PathValue("name"), to)
	if err != nil {
		return nil, err
	}
	return exchange.Answer(assignmentJSON(&a))
}

// planMove has the group move later.
func (h *failoverHandler) planMove(r *exchange.Request, to string) (*exchange.Reply, error) {
	s := r.Query.Get("in")
	in, err := time.ParseDuration(s)
	if err != nil || in <= 0 || in > cluster.MaxPlanAhead {
		return nil, cluster.Errorf(cluster.Invalid, "the parameter in=%s is not how long to wait: want a duration as 60s, at most %s", s, cluster.MaxPlanAhead)
	}
	p, err := h.failover.PlanMove(r.Context(), r.WriteOptions(), r.PathValue("name"), to, in)
	if err != nil {
		return nil, err
	}
	return exchange.Answer(plannedJSON(&p))
}

func (h *failoverHandler) cancelMove(r *exchange.Request) (*exchange.Reply, error) {
	return exchange.Done(h.failover.CancelMove(r.Context(), r.WriteOptions(), r.PathValue("name")))
}

// decide asks the plan.
func (h *failoverHandler) decide(r *exchange.Request, groups []cluster.Group, suppose cluster.Supposition) (ds []cluster.Decision, meta cluster.QueryMeta, err error) {
	meta, err = h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		var err error
		ds, err = h.failover.Plan(v, groups, suppose)
		return err
	})
	return ds, meta, err
}

// groupsOf reads groups, each of which is given once.
func groupsOf(body []Group) (groups []cluster.Group, err error) {
	for i := range body {
		g, err := groupOf(&body[i])
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(groups, func(o cluster.Group) bool { return o.Name == g.Name }) {
			return nil, cluster.Errorf(cluster.Invalid, "the group %q is given twice: give each group once", g.Name)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// plan answers what would be decided with the groups of the body, or as they are. It changes nothing.
func (h *failoverHandler) plan(r *exchange.Request) (*exchange.Reply, error) {
	var body []Group
	if err := r.DecodeOptional(&body); err != nil {
		return nil, err
	}
	groups, err := groupsOf(body)
	if err != nil {
		return nil, err
	}
	suppose, err := supposition(r)
	if err != nil {
		return nil, err
	}
	ds, meta, err := h.decide(r, groups, suppose)
	return exchange.Found(decisionsJSON(ds), meta, err)
}

func decisionsJSON(ds []cluster.Decision) []Decision {
	return exchange.Each(ds, func(d cluster.Decision) Decision { return decisionJSON(&d) })
}

// explain is why a group is where it is: the assignment, what the plan says now, and how it came here.
func (h *failoverHandler) explain(r *exchange.Request) (*exchange.Reply, error) {
	limit, err := timelineLimit(r)
	if err != nil {
		return nil, err
	}
	var out Explanation
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		g, err := existing(v, r)
		if err != nil {
			return err
		}
		ds, err := h.failover.Plan(v, nil, cluster.Supposition{})
		if err != nil {
			return err
		}
		out = Explanation{Group: GroupJSON(g), Assignment: assignmentJSON(v.Assignment(g.Name)), Timeline: timelineJSON(v.Timeline(g.Name, limit)), Moves: moves(g.Name, v.Timeline("", 0), explainedMoves)}
		for i := range ds {
			if ds[i].Group == g.Name {
				out.Decision = decisionJSON(&ds[i])
			}
		}
		return nil
	})
	return exchange.Found(out, meta, err)
}

func (h *failoverHandler) timeline(r *exchange.Request) (*exchange.Reply, error) {
	limit, err := timelineLimit(r)
	if err != nil {
		return nil, err
	}
	var out []Transition
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		out = timelineJSON(v.Timeline(r.Query.Get("group"), limit))
		return nil
	})
	return exchange.Found(out, meta, err)
}

// explainedMoves is how many past moves an explanation tells of.
const explainedMoves = 5

// defaultTimeline is how many entries of the timeline are answered where no limit is given.
const defaultTimeline = 50

func timelineLimit(r *exchange.Request) (int, error) {
	s := r.Query.Get("limit")
	if s == "" {
		return defaultTimeline, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, cluster.Errorf(cluster.Invalid, "the parameter limit=%s is not a number: want 0 (no limit) or more", s)
	}
	return n, nil
}

// status is failover as this machine sees it. What it holds is its own and takes no part in the index.
func (h *failoverHandler) status(r *exchange.Request) (*exchange.Reply, error) {
	out := FailoverStatus{Node: h.node}
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		out.Cluster, out.Machines, out.Groups = v.ClusterID(), machinesJSON(v.Presences()), groupStatuses(v)
		return nil
	})
	out.Leader, out.Holdings = h.raft.Leader(), holdingsJSON(h.failover.Holdings())
	return exchange.Found(out, meta, err)
}
