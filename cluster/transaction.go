package cluster

// Transaction does operations one after another, each seeing what those before it did, all of them or none.
// Result: *TransactionResult; one with Errors says that nothing was done.
type Transaction struct {
	Operations []Operation
}

func (*Transaction) command() {}

// MaxOperations is the most operations of one transaction. It is Consul's.
const MaxOperations = 128

// The bounds of what a transaction may answer, in bytes of keys and values and something for each row. The answer of one that writes travels between
// members; one that reads may ask for the same again and again.
const (
	MaxTransactionAnswer = 16 << 20 // of one that writes
	MaxTransactionRead   = 64 << 20 // of one that only reads
)

// Operation is one step of a transaction. Exactly one field is given.
type Operation struct {
	KV      *KVOperation
	Node    *NodeOperation
	Service *ServiceOperation
	Check   *CheckOperation
}

// KVOperation reads, holds to a condition, or changes one key, or with KVGetTree and KVDeleteTree all keys below one.
type KVOperation struct {
	Verb  KVVerb
	Entry KVEntry // ModifyIndex is the index to compare for cas, delete-cas and check-index
}

// Writes reports whether the operation may change something.
func (o *KVOperation) Writes() bool { return o.Verb.writes() }

// CatalogVerb is what an operation does to a node, an instance or a check.
type CatalogVerb string

// The verbs of the catalog; the strings are Consul's.
const (
	CatalogGet       CatalogVerb = "get" // what does not exist fails
	CatalogSet       CatalogVerb = "set"
	CatalogCAS       CatalogVerb = "cas" // set if ModifyIndex matches; 0: if it does not exist
	CatalogDelete    CatalogVerb = "delete"
	CatalogDeleteCAS CatalogVerb = "delete-cas"
)

// NodeOperation reads or changes a node. Where an ID is given, get finds the node by it, else by its name.
type NodeOperation struct {
	Verb CatalogVerb
	Node Node
}

// ServiceOperation reads or changes an instance on a node that exists. Without an ID it is the one whose ID is its name.
type ServiceOperation struct {
	Verb    CatalogVerb
	Service Service
}

// CheckOperation reads or changes a check on a node that exists. Without an ID it is the one whose ID is its name.
type CheckOperation struct {
	Verb  CatalogVerb
	Check Check
}

// TransactionResult is what became of a transaction: its rows, or why each operation that failed did. It is shared with the state: read
// it, never change it.
type TransactionResult struct {
	Rows   []TransactionRow
	Errors []OperationError
}

// TransactionRow is something that an operation found or wrote; the one field is given. Of a key that was not read there is everything
// but its value.
type TransactionRow struct {
	KV      *KVEntry
	Node    *Node
	Service *Service
	Check   *Check
}

// OperationError says why an operation failed.
type OperationError struct {
	Operation int // its place, from 0
	What      string
}

// Writes reports whether any operation may change something. A transaction that does not is a read.
func (t *Transaction) Writes() bool {
	for _, o := range t.Operations {
		if o.Writes() {
			return true
		}
	}
	return false
}

// Writes reports whether the operation may change something.
func (o *Operation) Writes() bool {
	switch {
	case o.KV != nil:
		return o.KV.Writes()
	case o.Node != nil:
		return o.Node.Verb.writes()
	case o.Service != nil:
		return o.Service.Verb.writes()
	case o.Check != nil:
		return o.Check.Verb.writes()
	}
	return false
}

func (v CatalogVerb) writes() bool {
	switch v {
	case CatalogSet, CatalogCAS, CatalogDelete, CatalogDeleteCAS:
		return true
	}
	return false
}

// Validate says in one sentence what is wrong with the transaction as such, or returns nil. What is wrong with an operation shows when it is done.
func (t *Transaction) Validate() error {
	if n := len(t.Operations); n > MaxOperations {
		return Errorf(TooLarge, "Transaction contains too many operations (%d > %d): split it", n, MaxOperations)
	}
	for i, o := range t.Operations {
		kinds := 0
		for _, given := range []bool{o.KV != nil, o.Node != nil, o.Service != nil, o.Check != nil} {
			if given {
				kinds++
			}
		}
		if kinds != 1 {
			return Errorf(Invalid, "operation %d of the transaction gives %d of KV, Node, Service and Check: give exactly one", i, kinds)
		}
	}
	return nil
}
