package config

import (
	"fmt"
	"strings"

	"holdfast/cluster"
	"holdfast/cmd/holdfast/config/leftout"
)

// buildAutopilot is how the leader of a new cluster looks after the servers.
func buildAutopilot(c *Config, f *File) error {
	a, def := or(f.Autopilot, Autopilot{}), cluster.DefaultAutopilot()
	c.Autopilot = cluster.Autopilot{
		CleanupDeadServers:      or(a.CleanupDeadServers, def.CleanupDeadServers),
		LastContactThreshold:    or(a.LastContactThreshold, def.LastContactThreshold),
		MaxTrailingLogs:         or(a.MaxTrailingLogs, def.MaxTrailingLogs),
		MinQuorum:               or(a.MinQuorum, def.MinQuorum),
		ServerStabilizationTime: or(a.ServerStabilizationTime, def.ServerStabilizationTime),
		RedundancyZoneTag:       or(a.RedundancyZoneTag, ""),
		DisableUpgradeMigration: or(a.DisableUpgradeMigration, false),
		UpgradeVersionTag:       or(a.UpgradeVersionTag, ""),
	}
	if err := c.Autopilot.Validate(); err != nil {
		return fmt.Errorf("autopilot: %w", err)
	}
	return nil
}

// buildConnect takes what there is of Consul's connect: whether the CA's root is answered, and what it is named after.
func buildConnect(c *Config, f *File) error {
	enabled := leftout.At(or(f.Connect, nil), "enabled")
	c.NoConnect = enabled != nil && !leftout.On(enabled)
	if v := leftout.At(or(f.Connect, nil), "ca_config.cluster_id"); v != nil {
		id, ok := v.(string)
		if id = strings.ToLower(id); !ok || !nodeIDForm.MatchString(id) {
			return fmt.Errorf("connect.ca_config.cluster_id %v is not a UUID", v)
		}
		c.CAClusterID = id
	}
	return nil
}
