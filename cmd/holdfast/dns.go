package main

import (
	"holdfast/cmd/holdfast/config"
	"holdfast/dnsapi"
)

func dnsConfig(c *config.Config) dnsapi.Config {
	d := c.DNS
	return dnsapi.Config{
		Domain: c.Domain, AltDomain: c.AltDomain, Datacenter: c.Datacenter, NodeTTL: d.NodeTTL, ServiceTTL: d.ServiceTTL, OnlyPassing: d.OnlyPassing,
		AllowStale: d.AllowStale, UDPAnswerLimit: d.UDPAnswerLimit, ARecordLimit: d.ARecordLimit, Truncate: d.Truncate,
		MaxStale: d.MaxStale, DisableCompression: d.Uncompressed, Recursors: d.Recursors, RecursorTimeout: d.RecursorTimeout, RecursorRandom: d.RecursorRandom,
		SOARefresh: d.SOARefresh, SOARetry: d.SOARetry, SOAExpire: d.SOAExpire, SOAMinTTL: d.SOAMinTTL,
	}
}
