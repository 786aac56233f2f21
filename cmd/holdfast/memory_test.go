package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryIsTunedAndLetGo(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	release := tuneMemory()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.NextGC < heapFloor*(100+heapGrowth)/100 {
		t.Errorf("the next collection is due at %d bytes: the floor of %d does not count", m.NextGC, heapFloor)
	}
	release()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("the share is %d %% after the release, want what it was", got)
	}
	t.Setenv("GOGC", "77")
	tuneMemory()()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("the share is %d %% although GOGC is set", got)
	}
}
