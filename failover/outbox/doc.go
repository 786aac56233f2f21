// Package outbox sends the messages of one side of a lease channel, in order, and lets nobody wait for it: neither the leader for a machine that has
// stopped to read, nor a machine for a frozen leader. Each message says how things are now, so of those that wait too long the oldest are dropped.
package outbox
