//go:build !linux

package main

import (
	"context"
	"errors"

	"holdfast/cmd/holdfast/verb"
)

// demoVerb says that the demo needs Linux.
func demoVerb() verb.Verb {
	return verb.Verb{
		Name: "demo", Short: "three machines, five faults, one address: what a client sees (on Linux)",
		Run: func(context.Context, *verb.Console, []string) error {
			return errors.New("the demo makes its machines of Linux network namespaces: run it on Linux")
		},
	}
}
