package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"holdfast/failover/lab/rootless"
)

// ready is the line that a child writes to its standard output when it has begun its work. Any other line is why it cannot.
const (
	ready        = "ready"
	readyTimeout = 20 * time.Second
)

// A Lab starts its own program again for two purposes. The environment variable says which.
const (
	roleVar   = "HOLDFAST_LAB"
	roleInit  = "init"  // the first process of a machine
	roleServe = "serve" // a machine's small service
)

// Child does what a Lab has started this process for, and then ends it. In a process that was started by anyone else it
// returns at once. Every program that opens a Lab calls it first, before it reads flags: main, and TestMain in tests.
func Child() {
	var err error
	switch os.Getenv(roleVar) {
	default:
		return
	case roleInit:
		err = runInit(os.Stdin, os.Stdout)
	case roleServe:
		err = runServe(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "holdfast lab:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Enter gives a program that is not root what a lab needs: see rootless.Enter. A program calls it before it opens a lab; where it reports that it
// has entered, the lab was in another process, and there is nothing left to do but to exit with the code.
func Enter() (code int, entered bool, err error) { return rootless.Enter() }

// again is the command that runs this program once more in a role.
func again(role string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program on disk: %w", err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	return cmd, nil
}

// awaitReady waits until a child has begun its work.
func awaitReady(reply *os.File) error {
	if err := reply.SetReadDeadline(time.Now().Add(readyTimeout)); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(reply, 4096)).ReadString('\n')
	switch line = strings.TrimSpace(line); {
	case line == ready:
		return nil
	case line != "":
		return errors.New(line)
	default:
		return fmt.Errorf("a process of the lab ended or hung before it was ready (does main call lab.Child first?): %w", err)
	}
}
