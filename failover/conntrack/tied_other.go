//go:build !linux

package conntrack

import (
	"errors"
	"os/exec"
)

// runTied refuses: connection tracking of this kind is Linux's.
func runTied(_ *exec.Cmd, started chan<- error) error {
	err := errors.New("only Linux tracks connections in this way")
	started <- err
	return err
}
