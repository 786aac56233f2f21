//go:build !linux

package check

import (
	"context"
	"errors"

	"holdfast/cluster"
)

var errNoPidfd = errors.New("processes are watched by event on Linux only: use a script check on this system")

type watch struct{}

func (*watch) wait(context.Context) bool { return false }
func (*watch) close()                    {}

func watchPID(int) (*watch, error) { return nil, errNoPidfd }

func locate(context.Context, *cluster.ProcessCheck) (int, string, error) { return 0, "", errNoPidfd }
