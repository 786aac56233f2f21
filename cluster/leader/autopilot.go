package leader

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/pause"
)

const (
	healthInterval = 2 * time.Second // how often the servers are asked
	healthTimeout  = time.Second     // how long they have to answer
)

// wellbeing is what this leader thinks of the servers.
type wellbeing struct {
	began time.Time // of the term

	mu      sync.Mutex // guards following
	servers []cluster.ServerHealth
	known   map[string]cluster.ServerHealth // the same by ID
	dead    map[string]time.Time            // since when a server has been missing from the pool
}

func newWellbeing() *wellbeing {
	return &wellbeing{began: time.Now(), known: map[string]cluster.ServerHealth{}, dead: map[string]time.Time{}}
}

// autopilot asks the servers how they are, gives those a vote that have been well for long enough, and takes dead ones out of the peer set.
func (t *Term) autopilot(ctx context.Context) {
	for ctx.Err() == nil {
		t.lookAfter(ctx)
		pause.For(ctx, healthInterval)
	}
}

func (t *Term) lookAfter(ctx context.Context) {
	peers, err := t.cluster.Peers()
	if err != nil {
		return // the peer is stopping
	}
	conf := t.cluster.WatchView().Autopilot()
	servers := t.servers(peers)
	asked, cancel := context.WithTimeout(ctx, healthTimeout)
	stats := t.cluster.ServerStats(asked, peersOfServers(servers))
	cancel()
	if ctx.Err() != nil {
		return
	}
	servers = t.wellbeing.judge(servers, stats, &conf, time.Now())
	t.promote(ctx, servers, &conf)
	t.cleanUp(ctx, servers, &conf)
}

// servers are the members of the peer set that are servers: those that vote, and those that say so.
func (t *Term) servers(peers []cluster.Peer) []cluster.ServerHealth {
	members := cluster.MembersByID(t.cluster.Members())
	var servers []cluster.ServerHealth
	view := t.cluster.WatchView()
	for _, p := range peers {
		m, known := members[p.ID]
		if known && !m.IsServer() && !p.Voter {
			continue
		}
		s := cluster.ServerHealth{ID: p.ID, Name: m.Name, Address: p.Addr, Status: m.Status, Version: m.CompatVersion(), Voter: p.Voter, Leader: known && m.Name == t.opts.Self}
		if n := view.Node(m.Name); n != nil {
			s.Meta = n.Meta
		}
		if known || p.Voter {
			servers = append(servers, s)
		}
	}
	slices.SortFunc(servers, func(a, b cluster.ServerHealth) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return servers
}

func peersOfServers(servers []cluster.ServerHealth) []cluster.Peer {
	var peers []cluster.Peer
	for _, s := range servers {
		peers = append(peers, cluster.Peer{ID: s.ID, Addr: s.Address, Voter: s.Voter})
	}
	return peers
}

// judge fills in what the servers have said, and remembers since when each is well, or not, or missing.
func (w *wellbeing) judge(servers []cluster.ServerHealth, stats map[string]cluster.ServerStats, conf *cluster.Autopilot, now time.Time) []cluster.ServerHealth {
	var leader cluster.ServerStats
	for _, s := range servers {
		if s.Leader {
			leader = stats[s.ID]
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known, dead := map[string]cluster.ServerHealth{}, map[string]time.Time{}
	for i := range servers {
		s := &servers[i]
		said, answered := stats[s.ID]
		s.ServerStats = said
		s.Healthy = answered && s.Status == cluster.StatusAlive && (s.Leader ||
			said.LastContact <= conf.LastContactThreshold && said.LastTerm == leader.LastTerm && said.LastIndex+conf.MaxTrailingLogs >= leader.LastIndex)
		s.StableSince = now
		if had, ok := w.known[s.ID]; ok && had.Healthy == s.Healthy {
			s.StableSince = had.StableSince
		}
		known[s.ID] = *s
		if s.Status != cluster.StatusAlive && s.Status != cluster.StatusLeaving {
			dead[s.ID] = now
			if since, ok := w.dead[s.ID]; ok {
				dead[s.ID] = since
			}
		}
	}
	w.servers, w.known, w.dead = slices.Clone(servers), known, dead
	return servers
}

// deadFor is how long a server has been missing.
func (w *wellbeing) deadFor(id string, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if since, ok := w.dead[id]; ok {
		return now.Sub(since)
	}
	return 0
}

// Servers is what this leader thinks of the servers, in the order of their names; nil while it has not asked them.
func (t *Term) Servers() []cluster.ServerHealth {
	t.wellbeing.mu.Lock()
	defer t.wellbeing.mu.Unlock()
	return slices.Clone(t.wellbeing.servers)
}

// young reports whether this term is too young for anybody to have been watched for the stabilization time. Until then a server votes as
// soon as it is well: so the servers of a cluster that is just being built do not wait for one another. It is Consul's rule.
func (t *Term) young(conf *cluster.Autopilot) bool {
	return time.Since(t.wellbeing.began) < conf.ServerStabilizationTime+conf.ServerStabilizationTime/10
}

// promote gives a vote to servers that have been well for long enough.
func (t *Term) promote(ctx context.Context, servers []cluster.ServerHealth, conf *cluster.Autopilot) {
	for _, s := range servers {
		if s.Voter || !s.Healthy || !t.young(conf) && time.Since(s.StableSince) < conf.ServerStabilizationTime {
			continue
		}
		if err := t.giveVote(ctx, s); err != nil && ctx.Err() == nil {
			t.log.Warn("cannot give a server a vote, will try again", "member", s.Name, "error", err)
		}
	}
}

// giveVote gives a server a vote if it has a seat still, and wants one.
func (t *Term) giveVote(ctx context.Context, s cluster.ServerHealth) error {
	t.seats.Lock()
	defer t.seats.Unlock()
	peers, err := t.cluster.Peers()
	i := slices.IndexFunc(peers, func(p cluster.Peer) bool { return p.ID == s.ID && !p.Voter })
	if err != nil || i < 0 || !t.wantsVote(s.ID) {
		return err
	}
	t.log.Info("a server has been well for long enough and votes from now on", "member", s.Name, "address", peers[i].Addr)
	return t.cluster.AddPeer(ctx, cluster.Peer{ID: s.ID, Addr: peers[i].Addr, Voter: true})
}

func (t *Term) wantsVote(id string) bool {
	return slices.ContainsFunc(t.cluster.Members(), func(m cluster.Member) bool {
		return m.Status == cluster.StatusAlive && m.Tags[cluster.TagID] == id && m.IsServer() && m.Tags[cluster.TagNonVoter] == ""
	})
}

// cleanUp takes servers out of the peer set that have been dead for the stabilization time, as long as enough voters are left: they would
// count for the majority and never be one of it. A server that comes back is admitted as a new one.
func (t *Term) cleanUp(ctx context.Context, servers []cluster.ServerHealth, conf *cluster.Autopilot) {
	if !conf.CleanupDeadServers {
		return
	}
	for _, s := range servers {
		patience := conf.ServerStabilizationTime
		if s.Status == cluster.StatusNone {
			patience += t.opts.UnknownGrace // the pool may still be gathering
		}
		if missing := t.wellbeing.deadFor(s.ID, time.Now()); missing == 0 || missing < patience || s.Leader {
			continue
		}
		if err := t.remove(ctx, s, conf); err != nil {
			if ctx.Err() == nil {
				t.log.Warn("cannot take a dead server out of the peer set, will try again", "member", s.Name, "error", err)
			}
			return
		}
	}
}

// remove takes a dead server out of the peer set, if it is dead still, and not missed less as a dead voter than as none.
func (t *Term) remove(ctx context.Context, dead cluster.ServerHealth, conf *cluster.Autopilot) error {
	t.seats.Lock()
	defer t.seats.Unlock()
	peers, err := t.cluster.Peers()
	if err != nil {
		return err
	}
	servers := t.servers(peers)
	i := slices.IndexFunc(servers, func(s cluster.ServerHealth) bool { return s.ID == dead.ID })
	if i < 0 || servers[i].Status == cluster.StatusAlive || servers[i].Status == cluster.StatusLeaving {
		return nil
	}
	dead = servers[i]
	voters, living := 0, 0
	for _, s := range servers {
		if s.Voter {
			voters++
			if s.Status == cluster.StatusAlive {
				living++
			}
		}
	}
	least := int(max(cluster.MinVoters, conf.MinQuorum)) //nolint:gosec // MinQuorum is 100 at most
	if dead.Voter && (voters-1 < least || living <= (voters-1)/2) {
		return nil
	}
	t.log.Warn("taking a dead server out of the peer set", "member", dead.Name, "id", dead.ID, "voters", voters)
	return t.cluster.RemovePeer(ctx, dead.ID)
}
