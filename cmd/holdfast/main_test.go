package main

import (
	"context"
	"os"
	"testing"

	"holdfast/failover/lab"
)

// asHoldfast makes the test binary be the program.
const asHoldfast = "HOLDFAST_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	lab.Child()
	if os.Getenv(asHoldfast) == "1" {
		c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
		os.Exit(run(context.Background(), c, os.Args[1:]))
	}
	os.Exit(m.Run())
}
