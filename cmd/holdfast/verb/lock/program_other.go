//go:build !linux

package lock

import "syscall"

// attributes leave the program running where this one is killed: only Linux can be asked to end it.
func attributes(ownGroup bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: ownGroup} }
