package lock

import "syscall"

// attributes let the kernel kill the program when this one is killed and the lock is about to be lost.
func attributes(ownGroup bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: ownGroup, Pdeathsig: syscall.SIGKILL}
}
