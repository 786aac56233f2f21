package operator

import (
	"cmp"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// autopilotJSON is the configuration of autopilot. The names and forms are Consul's.
type autopilotJSON struct {
	CleanupDeadServers      bool
	LastContactThreshold    span
	MaxTrailingLogs         uint64
	MinQuorum               uint64
	ServerStabilizationTime span
	RedundancyZoneTag       string
	DisableUpgradeMigration bool
	UpgradeVersionTag       string
	CreateIndex             uint64
	ModifyIndex             uint64
}

// span is a time span that is written as "10s", and read in either form.
type span time.Duration

// UnmarshalJSON reads a span.
func (s *span) UnmarshalJSON(b []byte) error { return (*exchange.Duration)(s).UnmarshalJSON(b) }

// MarshalText writes a span.
func (s span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

func toAutopilot(a *cluster.Autopilot) autopilotJSON {
	return autopilotJSON{
		CleanupDeadServers: a.CleanupDeadServers, LastContactThreshold: span(a.LastContactThreshold), MaxTrailingLogs: a.MaxTrailingLogs,
		MinQuorum: a.MinQuorum, ServerStabilizationTime: span(a.ServerStabilizationTime), RedundancyZoneTag: a.RedundancyZoneTag,
		DisableUpgradeMigration: a.DisableUpgradeMigration, UpgradeVersionTag: a.UpgradeVersionTag, CreateIndex: a.CreateIndex, ModifyIndex: a.ModifyIndex,
	}
}

// fillIn puts the defaults where nothing could ever be healthy: the public Go client sends zeros for what it is not told.
func (j *autopilotJSON) fillIn() {
	def := toAutopilot(new(cluster.DefaultAutopilot()))
	j.MaxTrailingLogs = cmp.Or(j.MaxTrailingLogs, def.MaxTrailingLogs)
	j.LastContactThreshold = cmp.Or(j.LastContactThreshold, def.LastContactThreshold)
}

func (j *autopilotJSON) config() cluster.Autopilot {
	return cluster.Autopilot{
		CleanupDeadServers: j.CleanupDeadServers, LastContactThreshold: time.Duration(j.LastContactThreshold), MaxTrailingLogs: j.MaxTrailingLogs,
		MinQuorum: j.MinQuorum, ServerStabilizationTime: time.Duration(j.ServerStabilizationTime), RedundancyZoneTag: j.RedundancyZoneTag,
		DisableUpgradeMigration: j.DisableUpgradeMigration, UpgradeVersionTag: j.UpgradeVersionTag,
	}
}

// healthJSON is how the servers are, as /health says it.
type healthJSON struct {
	Healthy          bool
	FailureTolerance int
	Servers          []serverHealthJSON
}

type serverHealthJSON struct {
	ID          string
	Name        string
	Address     string
	SerfStatus  string
	Version     string
	Leader      bool
	LastContact string
	LastTerm    uint64
	LastIndex   uint64
	Healthy     bool
	Voter       bool
	StableSince time.Time
}

func toHealth(servers []cluster.ServerHealth) healthJSON {
	out := healthJSON{Servers: []serverHealthJSON{}}
	out.Healthy, out.FailureTolerance = cluster.Together(servers)
	for _, s := range servers {
		out.Servers = append(out.Servers, serverHealthJSON{
			ID: s.ID, Name: s.Name, Address: s.Address, SerfStatus: s.Status.String(), Version: s.Version, Leader: s.Leader, LastContact: s.LastContact.String(),
			LastTerm: s.LastTerm, LastIndex: s.LastIndex, Healthy: s.Healthy, Voter: s.Voter, StableSince: s.StableSince.UTC().Truncate(time.Second),
		})
	}
	return out
}

// stateJSON is how the servers are, as /state says it.
type stateJSON struct {
	Healthy                    bool
	FailureTolerance           int
	OptimisticFailureTolerance int
	Servers                    map[string]serverStateJSON
	Leader                     string
	Voters                     []string
}

type serverStateJSON struct {
	ID          string
	Name        string
	Address     string
	NodeStatus  string
	Version     string
	LastContact string
	LastTerm    uint64
	LastIndex   uint64
	Healthy     bool
	StableSince time.Time
	ReadReplica bool
	Status      string
	Meta        map[string]string
	NodeType    string
}

func toState(servers []cluster.ServerHealth) stateJSON {
	out := stateJSON{Servers: map[string]serverStateJSON{}, Voters: []string{}}
	out.Healthy, out.FailureTolerance = cluster.Together(servers)
	out.OptimisticFailureTolerance = out.FailureTolerance
	for _, s := range servers {
		status := "non-voter"
		switch {
		case s.Leader:
			status, out.Leader = "leader", s.ID
		case s.Voter:
			status = "voter"
		}
		if s.Leader {
			out.Voters = append([]string{s.ID}, out.Voters...)
		} else if s.Voter {
			out.Voters = append(out.Voters, s.ID)
		}
		out.Servers[s.ID] = serverStateJSON{
			ID: s.ID, Name: s.Name, Address: s.Address, NodeStatus: cmp.Or(s.Status.String(), "none"), Version: s.Version, LastContact: s.LastContact.String(),
			LastTerm: s.LastTerm, LastIndex: s.LastIndex, Healthy: s.Healthy, StableSince: s.StableSince.UTC().Truncate(time.Second), Status: status, Meta: s.Meta, NodeType: "voter",
		}
	}
	return out
}
