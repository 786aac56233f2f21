// Package tap lets clients listen to the daemon's log while it is written, each at a level and in a form of its own.
//
// A [Handler] stands before the handler that writes the log. While nobody listens it costs one load of a pointer for each record. A
// listener that reads too slowly loses lines, and is told how many; nobody who logs ever waits for one.
package tap
