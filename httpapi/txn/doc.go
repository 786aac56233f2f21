// Package txn answers /v1/txn: operations on keys, nodes, instances and checks that are done one after another, all or none.
//
// A transaction that only reads is a read like any other: it honours stale, consistent and index, and carries the index of what it read. One
// that writes is a single entry of the log.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/txn.
package txn
