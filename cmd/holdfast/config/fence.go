package config

import (
	"runtime"

	"holdfast/failover/keeper"
)

// FenceExec is the fence of systems whose kernel has none: commands, and a process that keeps to the deadlines.
const FenceExec = "exec"

// buildFence chooses what enforces leases: the kernel on Linux, commands elsewhere.
func buildFence(c *Config, f Failover) {
	c.Fence = or(f.Fence, "auto")
	if c.Fence == "auto" && runtime.GOOS != "linux" {
		c.Fence = FenceExec
	}
	c.Exec, _ = keeper.DefaultCommands(runtime.GOOS)
	x := or(f.Exec, Exec{})
	for _, o := range []struct{ given, command *[]string }{
		{&x.Add, &c.Exec.Add}, {&x.Remove, &c.Exec.Remove}, {&x.Announce, &c.Exec.Announce}, {&x.Probe, &c.Exec.Probe},
	} {
		if *o.given != nil {
			*o.command = *o.given
		}
	}
}
