package cluster

import "time"

// Autopilot says how the leader looks after the servers. An Autopilot that a View hands out is shared and must not be changed.
type Autopilot struct {
	CleanupDeadServers      bool          // servers that gossip has lost are taken out of the peer set
	LastContactThreshold    time.Duration // a server that heard from the leader longer ago is not healthy
	MaxTrailingLogs         uint64        // nor is one whose log is further behind
	MinQuorum               uint64        // the clean-up leaves at least so many voters, and never fewer than MinVoters; 0 says nothing
	ServerStabilizationTime time.Duration // a new server must have been healthy for so long before it votes

	// These belong to Consul Enterprise and change nothing; they are kept for who reads them back.
	RedundancyZoneTag       string
	DisableUpgradeMigration bool
	UpgradeVersionTag       string

	CreateIndex, ModifyIndex uint64
}

// MinVoters is how many voters the clean-up of dead servers always leaves. Of two voters neither can be missed: with the third taken out, the
// next failure would stop the cluster even where the third has come back meanwhile.
const MinVoters = 3

// DefaultAutopilot is what a new cluster has. The values are Consul's.
func DefaultAutopilot() Autopilot {
	return Autopilot{CleanupDeadServers: true, LastContactThreshold: 200 * time.Millisecond, MaxTrailingLogs: 250, ServerStabilizationTime: 10 * time.Second}
}

// Validate says in one sentence what is wrong with the configuration, or returns nil.
func (a *Autopilot) Validate() error {
	const longest = 24 * time.Hour
	switch {
	case a.LastContactThreshold <= 0 || a.LastContactThreshold > longest:
		return Errorf(Invalid, "LastContactThreshold of autopilot is %s: want more than 0s and at most %s", a.LastContactThreshold, longest)
	case a.ServerStabilizationTime < 0 || a.ServerStabilizationTime > longest:
		return Errorf(Invalid, "ServerStabilizationTime of autopilot is %s: want 0s to %s", a.ServerStabilizationTime, longest)
	case a.MaxTrailingLogs == 0:
		return Errorf(Invalid, "MaxTrailingLogs of autopilot is 0: no server could ever be healthy")
	case a.MinQuorum > 100:
		return Errorf(Invalid, "MinQuorum of autopilot is %d: want 0 to 100 servers", a.MinQuorum)
	case len(a.RedundancyZoneTag) > metaMaxKeyLen || len(a.UpgradeVersionTag) > metaMaxKeyLen:
		return Errorf(Invalid, "RedundancyZoneTag or UpgradeVersionTag of autopilot has more than %d characters", metaMaxKeyLen)
	}
	return nil
}

// ServerStats is what a server says of itself.
type ServerStats struct {
	LastContact time.Duration // since it heard from the leader; 0 on the leader
	LastTerm    uint64        // of the newest entry of its log
	LastIndex   uint64
}

// ServerHealth is what the leader thinks of a server.
type ServerHealth struct {
	ServerStats
	ID          string
	Name        string // "" where gossip does not know it
	Address     string // RPC
	Status      MemberStatus
	Version     string // Consul's, that it is compatible with
	Meta        map[string]string
	Leader      bool
	Voter       bool
	Healthy     bool
	StableSince time.Time // since when it has been healthy, or not
}

// Together is whether all servers are well, and how many voters may fail before there is no majority of them any more.
func Together(servers []ServerHealth) (healthy bool, tolerance int) {
	voters, well := 0, 0
	healthy = true
	for _, s := range servers {
		healthy = healthy && s.Healthy
		if s.Voter {
			voters++
			if s.Healthy {
				well++
			}
		}
	}
	return healthy, max(0, well-(voters/2+1))
}
