package cluster

import "time"

// SessionBehavior is what happens to the keys of a session that ends.
type SessionBehavior string

// The behaviours of a session.
const (
	SessionRelease SessionBehavior = "release" // the lock is released, the keys stay
	SessionDelete  SessionBehavior = "delete"  // the keys are deleted
)

// Session ties locks to the health of a node and its checks. A Session that a View hands out is shared and must not be changed.
type Session struct {
	ID            string // a UUID
	Name          string
	Node          string
	LockDelay     time.Duration // how long a key cannot be locked again after an invalidation
	Behavior      SessionBehavior
	TTL           time.Duration         // 0 means none
	TTLAsGiven    string                // how the client wrote it, for whoever reads it back; "" where it did not
	NodeChecks    []string              // IDs of node checks it depends on
	ServiceChecks []SessionServiceCheck // service checks it depends on

	CreateIndex, ModifyIndex uint64
}

// SessionServiceCheck names a service check that a session depends on.
type SessionServiceCheck struct {
	ID        string
	Namespace string
}

// Limits and defaults of sessions. They are Consul's.
const (
	DefaultLockDelay = 15 * time.Second
	MaxLockDelay     = 60 * time.Second
	MinSessionTTL    = 10 * time.Second // the default of session_ttl_min
	MaxSessionTTL    = 24 * time.Hour
	SessionTTLFactor = 2 // a session is invalidated between TTL and SessionTTLFactor times TTL
)
