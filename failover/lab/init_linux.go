package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
)

// runInit is a machine's first process. It reads the host name from the lab, gives the machine its own /proc, says that it is ready, and
// then only collects the orphans of the machine until the lab lets go of its standard input. When it ends, for whatever reason, the
// kernel kills every other process of the machine.
func runInit(lab io.Reader, reply io.Writer) error {
	line := bufio.NewReader(lab)
	name, err := line.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the machine's name: %w", err)
	}
	if err := furnish(strings.TrimSpace(name)); err != nil {
		fmt.Fprintln(reply, err)
		return err
	}
	orphans := make(chan os.Signal, 1)
	signal.Notify(orphans, unix.SIGCHLD)
	go func() {
		for range orphans {
			reap()
		}
	}()
	if _, err := fmt.Fprintln(reply, ready); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, line) // ends when the lab does
	return err
}

// furnish turns fresh namespaces into a machine.
func furnish(name string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc (inside a container this needs a /proc that nothing hides a part of): %w", err)
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	// Nobody else can have the addresses that the lab gives out: do not wait a second for each to prove it.
	if err := setSysctl("ipv6/conf/default/accept_dad", "0"); err != nil {
		return err
	}
	return setSysctl("ipv6/conf/all/accept_dad", "0")
}

// reap collects every child that has ended.
func reap() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if pid <= 0 || err != nil {
			return
		}
	}
}
