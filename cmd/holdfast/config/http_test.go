package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestHTTPAndLog(t *testing.T) {
	c, warnings, err := load(t, "-dev", "-hcl", `
		default_query_time = "10s" max_query_time = "1h" log_file = "/x.log" log_rotate_bytes = 1000 log_rotate_duration = "1h" log_rotate_max_files = -1
		enable_syslog = true syslog_facility = "daemon"
		http_config { block_endpoints = ["/v1/agent"] allow_write_http_from = ["10.0.0.1/8", "::1/128"] use_cache = false max_header_bytes = 9000 }`)
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	if c.DefaultQueryTime != 10*time.Second || c.MaxQueryTime != time.Hour || c.LogRotateBytes != 1000 || c.LogRotateDuration != time.Hour || c.LogRotateMaxFiles != -1 || !c.Syslog || c.SyslogFacility != "daemon" {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.BlockEndpoints, []string{"/v1/agent"}) || !slices.Equal(c.AllowWriteFrom, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}) || !c.NoCache || c.MaxHeaderBytes != 9000 {
		t.Errorf("%+v", c)
	}
	if c, _, err = load(t, "-dev"); err != nil || c.DefaultQueryTime != cluster.DefaultWait || c.MaxQueryTime != cluster.MaxWait || c.LogRotateDuration != 24*time.Hour || c.Syslog || c.NoCache {
		t.Errorf("defaults: %+v, %v", c, err)
	}
	c, _, err = load(
		t, "-dev", "-max-query-time=1m", "-allow-write-http-from=127.0.0.0/8", "-allow-write-http-from", "10.0.0.0/8", "-syslog", "-log-rotate-bytes=5", "-log-rotate-duration=0s", "-log-rotate-max-files=2",
	)
	if err != nil || c.MaxQueryTime != time.Minute || c.DefaultQueryTime != time.Minute || len(c.AllowWriteFrom) != 2 || !c.Syslog || c.LogRotateBytes != 5 || c.LogRotateDuration != 0 || c.LogRotateMaxFiles != 2 {
		t.Errorf("flags: %+v, %v", c, err)
	}
	for text, want := range map[string]string{
		`default_query_time = "2m" max_query_time = "1m"`:      "default_query_time 2m0s and max_query_time 1m0s are not usable",
		`max_query_time = "0s"`:                                "are not usable: want above 0",
		`log_rotate_bytes = -1`:                                "neither can be negative",
		`syslog_facility = "here"`:                             `syslog_facility "here" is not known: want KERN`,
		`http_config { allow_write_http_from = ["10.0.0.1"] }`: `http_config.allow_write_http_from: "10.0.0.1" is not a network`,
		`http_config { block_endpoints = ["v1/agent"] }`:       `http_config.block_endpoints: "v1/agent" is not the beginning of a path`,
		`http_config { max_header_bytes = 0 }`:                 "http_config.max_header_bytes 0 is not usable",
	} {
		if _, _, err := load(t, "-dev", "-hcl", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
