package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// The garbage collector starts over when the heap has grown by a share of what lives in it. Go's own share, all of it, lets a large state take
// twice its size, and collects a small one, of a few megabytes, many times a second under load. Half of it, of what lives and of a floor beside
// it, suits both.
const (
	heapGrowth = 50       // percent
	heapFloor  = 20 << 20 // bytes
)

// tuneMemory sets the pace of the garbage collector until release is called, unless the environment does. The floor is counted and never
// touched, so that it takes no memory.
func tuneMemory() (release func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(heapGrowth)
	floor := make([]byte, heapFloor)
	return func() {
		runtime.KeepAlive(floor)
		debug.SetGCPercent(before)
	}
}
