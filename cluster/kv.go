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

// KVVerb is what a KVWrite does to its key.
type KVVerb string

// The verbs of a KVWrite; the strings are those of Consul's transactions.
const (
	KVSet        KVVerb = "set"
	KVCAS        KVVerb = "cas" // set if ModifyIndex matches; 0: if the key does not exist
	KVLock       KVVerb = "lock"
	KVUnlock     KVVerb = "unlock"
	KVDelete     KVVerb = "delete"
	KVDeleteCAS  KVVerb = "delete-cas"
	KVDeleteTree KVVerb = "delete-tree" // every key that begins with Entry.Key
)
