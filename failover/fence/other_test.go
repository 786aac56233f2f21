//go:build !linux

package fence

import (
	"strings"
	"testing"
)

// TestNoFenceHere: a system without a fence says so, before anything begins.
func TestNoFenceHere(t *testing.T) {
	_, err := New(Options{})
	for _, err := range []error{err, supported("auto")} {
		if err == nil || !strings.Contains(err.Error(), "no fence on this system") {
			t.Errorf("got %v", err)
		}
	}
}
