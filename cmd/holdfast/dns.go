package main

import (
	"holdfast/cmd/holdfast/config"
	"holdfast/dnsapi"
	"holdfast/dnsapi/zone"
)

// dnsConfig is the DNS surface's part of a configuration.
func (d *daemon) dnsConfig(c *config.Config) dnsapi.Config {
	s := c.DNS
	zones := make([]zone.Config, 0, len(s.Zones))
	for _, z := range s.Zones {
		zones = append(zones, zone.Config(z))
	}
	return dnsapi.Config{
		Domain: c.Domain, AltDomain: c.AltDomain, Datacenter: c.Datacenter, Node: c.NodeName, NodeTTL: s.NodeTTL, ServiceTTL: s.ServiceTTL, OnlyPassing: s.OnlyPassing,
		AllowStale: s.AllowStale, UDPAnswerLimit: s.UDPAnswerLimit, ARecordLimit: s.ARecordLimit, Truncate: s.Truncate, NodeMetaTXT: s.NodeMetaTXT,
		MaxStale: s.MaxStale, DisableCompression: s.Uncompressed, Recursors: s.Recursors, RecursorTimeout: s.RecursorTimeout, RecursorRandom: s.RecursorRandom, Zones: zones,
		SOARefresh: s.SOARefresh, SOARetry: s.SOARetry, SOAExpire: s.SOAExpire, SOAMinTTL: s.SOAMinTTL,
		Abroad: d.others, Metrics: d.dnsMetrics,
	}
}
