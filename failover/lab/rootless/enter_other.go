//go:build !linux

package rootless

import "errors"

// ErrNotLinux is the answer elsewhere.
var ErrNotLinux = errors.New("rootless: user namespaces are Linux's: run this on Linux")

// Enter refuses.
func Enter() (code int, entered bool, err error) { return 0, false, ErrNotLinux }
