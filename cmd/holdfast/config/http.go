package config

import (
	"fmt"
	"net/netip"
	"strings"

	"holdfast/cluster"
)

func buildHTTP(c *Config, f *File) error {
	h := or(f.HTTPConfig, HTTP{})
	c.ResponseHeaders, c.BlockEndpoints, c.NoCache = h.ResponseHeaders, h.BlockEndpoints, !or(h.UseCache, true)
	c.MaxHeaderBytes = or(h.MaxHeaderBytes, defaultMaxHeader)
	if c.MaxHeaderBytes <= 0 {
		return fmt.Errorf("http_config.max_header_bytes %d is not usable: want above 0", c.MaxHeaderBytes)
	}
	for _, path := range c.BlockEndpoints {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("http_config.block_endpoints: %q is not the beginning of a path: write it as \"/v1/agent\"", path)
		}
	}
	for _, s := range h.AllowWriteHTTPFrom {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return fmt.Errorf("http_config.allow_write_http_from: %q is not a network: write it as \"127.0.0.0/8\" or \"10.0.0.1/32\"", s)
		}
		c.AllowWriteFrom = append(c.AllowWriteFrom, p.Masked())
	}
	c.MaxQueryTime = or(f.MaxQueryTime, cluster.MaxWait)
	c.DefaultQueryTime = or(f.DefaultQueryTime, min(cluster.DefaultWait, c.MaxQueryTime))
	if c.DefaultQueryTime <= 0 || c.MaxQueryTime < c.DefaultQueryTime {
		return fmt.Errorf("default_query_time %s and max_query_time %s are not usable: want above 0, and the second not below the first", c.DefaultQueryTime, c.MaxQueryTime)
	}
	return nil
}
