// Package local holds what this agent registered: its services, its checks and their results. It runs the checks, keeps the
// registrations on disk, and keeps the catalog's record of this node equal to them (anti-entropy).
//
// Anti-entropy is level-triggered and needs no period. One loop knows what the catalog holds of this node (a mirror) and writes the
// difference: at once and only for what was touched when something changes here, for everything when the catalog changes behind its
// back. The mirror is read where this member's copy of the catalog has caught up with the leader, and follows the loop's own writes in
// between, so a copy that lags is never fought. What is registered while a write is under way shares the next one.
//
// Maintenance of the node or of a service is a check, too: one that runs nothing and is critical while it is there. It is kept like every
// registration, so it outlives a restart.
//
// After a restart the catalog remembers more than this agent knows: a check keeps the catalog's result until it has one of its own, and
// nothing is removed before the configuration has been registered (Replace).
package local
