//go:build !linux

package echo

import (
	"context"
	"errors"
)

// ErrNotLinux is the answer elsewhere.
var ErrNotLinux = errors.New("echo: the small service of a lab's machines learns in Linux's way which address it is asked at: run this on Linux")

// Serve refuses.
func Serve(context.Context, uint16, string, func() error) error { return ErrNotLinux }
