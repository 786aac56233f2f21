package rootless

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// enteredVar tells this program that it is the one inside.
const enteredVar = "HOLDFAST_LAB_ENTERED"

// needed are the capabilities that a lab is made with.
const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW

// Enter gives a program that is not root what a lab needs. Where this process may make namespaces, it does nothing and reports
// entered false: go on. Elsewhere it runs the whole program again as root of a user namespace, with the same arguments and files, passes
// signals on to it, and returns its exit code with entered true: there is nothing left to do but to exit with that code. The other
// process dies with this one, however this one ends.
func Enter() (code int, entered bool, err error) {
	able, err := Able()
	if err != nil {
		return 0, false, err
	}
	if able {
		return 0, false, nil
	}
	if os.Getenv(enteredVar) != "" {
		return 0, false, fmt.Errorf("a user namespace gives no right to make networks here: %s", Refusal("/", unix.EPERM))
	}
	self, err := os.Executable()
	if err != nil {
		return 0, false, fmt.Errorf("find this program on disk: %w", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), enteredVar+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Setpgid:     true, // a Ctrl-C on the terminal comes through this process, once
		Pdeathsig:   unix.SIGKILL,
	}
	code, err = runInside(cmd)
	return code, err == nil, err
}

// runInside runs the program inside and passes signals on.
func runInside(cmd *exec.Cmd) (code int, err error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer signal.Stop(signals)
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the parent-death signal is sent when this thread ends
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return 0, fmt.Errorf("make a user namespace: %w (%s)", err, Refusal("/", err))
	}
	for {
		select {
		case sig := <-signals:
			_ = cmd.Process.Signal(sig) // it may have ended: then its end is on its way
		case err := <-ended:
			return exitCode(err)
		}
	}
}

// exitCode is how the program inside ended, as a shell tells it.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if err == nil {
		return 0, nil
	}
	if !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// Able reports whether this process may make namespaces and networks.
func Able() (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return false, fmt.Errorf("read the capabilities of this process: %w", err)
	}
	return sets[0].Effective&needed == needed, nil
}
