//go:build !linux

package lab

import (
	"context"
	"errors"
)

// ErrNotLinux is what everything here answers elsewhere: a lab is made of the namespaces of Linux.
var ErrNotLinux = errors.New("lab: machines are made of Linux network namespaces, which this system does not have: run this on Linux")

// Lab exists on Linux alone. Programs that use one put what they do with it in files for Linux.
type Lab struct{}

// New refuses.
func New(Options) (*Lab, error) { return nil, ErrNotLinux }

// Child returns at once: no lab has started this process.
func Child() {}

// Enter refuses.
func Enter() (code int, entered bool, err error) { return 0, false, ErrNotLinux }

// Serve refuses.
func Serve(context.Context, uint16, string) error { return ErrNotLinux }
