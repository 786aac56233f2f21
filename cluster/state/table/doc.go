// Package table keeps rows in memory, in tables with indexes, for one writer at a time and any number of readers who never wait.
//
// A row is a pointer that is never written to once it is in a table. A table finds it by its key, and by the keys that further indexes make
// of it; those need not be unique. Each index is a radix tree of which whatever has been published stays as it is: a transaction copies the nodes on
// the way to what it writes, and shares the others. So a reader's Txn is a snapshot that costs nothing, and so is a [Savepoint].
//
// Whoever read a row, or the rows below a prefix, may wait for a change: a Signal belongs to the leaf or the node at which the search ended, and any write
// that would let the search end otherwise replaces that. It may also be replaced when a neighbour is written; whoever is woken looks again. A signal
// that nobody waits for has no channel. Most have none.
package table
