package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// The garbage collector starts over when the heap has grown by a share of what lives in it. Go's own share, all of it, lets a large state take
// twice its size, and collects a small one, of a few megabytes, many times a second under load. A quarter, of what lives and of a floor beside
// it, suits both: 20 MB of garbage beside a small state, 45 MB beside one of 100 MB.
const (
	heapGrowth = 25       // percent
	heapFloor  = 80 << 20 // bytes
)

// tuneMemory sets the pace of the garbage collector until release is called, unless the environment does. The floor is counted and never
// touched, so that it takes no memory.
func tuneMemory() (release func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" { // the floor would count against the limit
		return func() {}
	}
	before := debug.SetGCPercent(heapGrowth)
	floor := make([]byte, heapFloor)
	return func() {
		runtime.KeepAlive(floor)
		debug.SetGCPercent(before)
	}
}
