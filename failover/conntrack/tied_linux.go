package conntrack

import (
	"os/exec"
	"runtime"
	"syscall"
)

// runTied runs a program that ends with this one, however that ends. The kernel speaks of the thread that started it, which is kept for as long.
func runTied(cmd *exec.Cmd, started chan<- error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	started <- err
	if err != nil {
		return err
	}
	return cmd.Wait()
}
