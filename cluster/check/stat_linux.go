package check

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stat is some of what proc(5) says of a process.
type stat struct {
	zombie bool
	parent int
	began  uint64 // clock ticks since boot; with the process ID it names a process for good
}

func statOf(pid string) (stat, bool) {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return stat{}, false
	}
	return parseStat(b)
}

func parseStat(b []byte) (stat, bool) {
	i := bytes.LastIndexByte(b, ')') // the name before it may hold anything
	if i < 0 {
		return stat{}, false
	}
	fields := strings.Fields(string(b[i+1:])) // from field 3 on
	if len(fields) < 20 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, false
	}
	began, err := strconv.ParseUint(fields[19], 10, 64)
	return stat{fields[0] == "Z", parent, began}, err == nil
}
