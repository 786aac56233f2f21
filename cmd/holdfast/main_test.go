package main

import (
	"os"
	"testing"

	"holdfast/failover/lab"
)

// asHoldfast makes the test binary be the program.
const asHoldfast = "HOLDFAST_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	lab.Child()
	if os.Getenv(asHoldfast) == "1" {
		os.Exit(runProcess())
	}
	os.Exit(m.Run())
}
