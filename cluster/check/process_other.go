//go:build !linux

package check

import (
	"context"
	"errors"
)

var errNoPidfd = errors.New("processes are watched by event on Linux only: use a script check on this system")

type watch struct{ pid int }

func (*watch) wait(context.Context) (bool, error) { return false, errNoPidfd }
func (*watch) ended() bool                        { return false }
func (*watch) close()                             {}

func watchPID(int) (*watch, error) { return nil, errNoPidfd }

type command struct{ line string }

func (*command) find(context.Context) (int, string, error) { return 0, "", errNoPidfd }
func (*command) ended(int)                                 {}

type unit struct{ name string }

func (*unit) find(context.Context) (int, string, error) { return 0, "", errNoPidfd }
func (*unit) ended(int)                                 {}
