// Package local holds what this agent registered: its services, its checks and their results. It runs the checks, keeps the
// registrations on disk, and keeps the catalog's record of this node equal to them (anti-entropy).
//
// Anti-entropy is level-triggered and needs no period: the member holds the catalog itself, so one loop compares what is registered here
// with what the catalog says of this node whenever either changes, and writes only the difference.
package local
