package config

import (
	"fmt"

	"holdfast/cmd/holdfast/logsink"
)

func buildLog(c *Config, f *File) error {
	c.LogRotateBytes, c.LogRotateDuration, c.LogRotateMaxFiles = or(f.LogRotateBytes, 0), or(f.LogRotateDuration, defaultLogRotate), or(f.LogRotateMaxFiles, 0)
	if c.LogRotateBytes < 0 || c.LogRotateDuration < 0 {
		return fmt.Errorf("log_rotate_bytes %d and log_rotate_duration %s are not usable: neither can be negative", c.LogRotateBytes, c.LogRotateDuration)
	}
	c.Syslog, c.SyslogFacility = or(f.EnableSyslog, false), or(f.SyslogFacility, logsink.DefaultFacility)
	return logsink.ValidFacility(c.SyslogFacility)
}
