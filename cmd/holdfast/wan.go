package main

import (
	"net/netip"

	"holdfast/cluster/join"
	"holdfast/cluster/wan"
	"holdfast/cmd/holdfast/config"
	"holdfast/httpapi/datacenter"
)

// wanSettings is the pool between datacenters as the config has it, nil for none.
func wanSettings(c *config.WAN) *wan.Settings {
	if c == nil {
		return nil
	}
	return &wan.Settings{
		Bind: netip.AddrPortFrom(c.Bind, uint16(c.Port)), Advertise: c.Advertise, ReconnectTimeout: c.ReconnectTimeout, //nolint:gosec // the config is checked
		Join: join.Config{Once: c.Join, Retry: c.RetryJoin, Interval: c.RetryInterval, Max: c.RetryMax},
	}
}

// newForwarder makes what hands requests to other datacenters.
func (d *daemon) newForwarder() *datacenter.Forwarder {
	var known func() []string
	if w := d.agent.WAN(); w != nil {
		known = w.Datacenters
	}
	f := datacenter.New(d.cfg.Datacenter, d.agent, known, d.log.With("component", "http"))
	d.closing(f.Close)
	return f
}
