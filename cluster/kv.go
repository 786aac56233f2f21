package cluster

// KVEntry is one key and its value. A KVEntry that a View hands out is shared and must not be changed.
type KVEntry struct {
	Key       string
	Value     []byte
	Flags     uint64 // the client's own, opaque
	Session   string // the session that holds the lock, "" while unlocked
	LockIndex uint64 // how often the lock has been acquired

	CreateIndex, ModifyIndex uint64
}

// MaxValueSize is the largest value in bytes. It is Consul's.
const MaxValueSize = 512 << 10

// KVVerb is what a KVWrite or an operation of a Transaction does to its key.
type KVVerb string

// The verbs that write; the strings are those of Consul's transactions.
const (
	KVSet        KVVerb = "set"
	KVCAS        KVVerb = "cas" // set if ModifyIndex matches; 0: if the key does not exist
	KVLock       KVVerb = "lock"
	KVUnlock     KVVerb = "unlock"
	KVDelete     KVVerb = "delete"
	KVDeleteCAS  KVVerb = "delete-cas"
	KVDeleteTree KVVerb = "delete-tree" // every key that begins with Entry.Key
)

// The verbs that only a Transaction has: they read, or fail the transaction where a condition does not hold.
const (
	KVGet            KVVerb = "get"              // a key that does not exist fails
	KVGetOrEmpty     KVVerb = "get-or-empty"     // a key that does not exist is an empty entry
	KVGetTree        KVVerb = "get-tree"         // every key that begins with Entry.Key
	KVCheckIndex     KVVerb = "check-index"      // the key exists and has Entry.ModifyIndex
	KVCheckSession   KVVerb = "check-session"    // the key exists and is held by Entry.Session
	KVCheckNotExists KVVerb = "check-not-exists" //
)

func (v KVVerb) writes() bool {
	switch v {
	case KVSet, KVCAS, KVLock, KVUnlock, KVDelete, KVDeleteCAS, KVDeleteTree:
		return true
	}
	return false
}
