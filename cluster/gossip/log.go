package gossip

import (
	"bytes"
	"context"
	stdlog "log"
	"log/slog"
	"strings"
)

// libraryLog is memberlist's logger, which writes to ours.
func libraryLog(log *slog.Logger) *stdlog.Logger {
	return stdlog.New(logWriter{log}, "", 0)
}

// logWriter takes the lines of memberlist, which begin with their level.
type logWriter struct {
	log *slog.Logger
}

func (w logWriter) Write(line []byte) (int, error) {
	level, text := parseLine(string(bytes.TrimSpace(line)))
	w.log.Log(context.Background(), level, "memberlist", "line", text)
	return len(line), nil
}

var linePrefixes = []struct {
	prefix string
	level  slog.Level
}{
	{"[DEBUG] ", slog.LevelDebug},
	{"[INFO] ", slog.LevelInfo},
	{"[WARN] ", slog.LevelWarn},
	{"[ERROR] ", slog.LevelError},
	{"[ERR] ", slog.LevelError},
}

// quietLines are those that memberlist takes more seriously than they are: the pool reports conflicts and refused joins itself, once; and that a
// member refutes what is said about it is the protocol at work.
var quietLines = []string{
	"Conflicting address for ", "ignoring alive message for ", "Refuting a", "Failed push/pull merge: " + nameTaken, "Failed push/pull merge: " + mergeRefused,
}

// parseLine takes the level and the library's name off a line.
func parseLine(line string) (slog.Level, string) {
	level := slog.LevelInfo
	for _, p := range linePrefixes {
		if rest, ok := strings.CutPrefix(line, p.prefix); ok {
			level, line = p.level, rest
			break
		}
	}
	line = strings.TrimPrefix(line, "memberlist: ")
	for _, quiet := range quietLines {
		if strings.HasPrefix(line, quiet) {
			level = min(level, slog.LevelDebug)
		}
	}
	return level, line
}
