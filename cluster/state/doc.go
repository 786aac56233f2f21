// Package state is the replicated state of a cluster: the key/value store, the catalog, sessions and failover groups, held in memory,
// in the tables of package table.
//
// Writing: [Store.Apply] takes the committed log entries in order. It is deterministic: it reads no clock, no randomness, no
// environment, and never lets the order of a map show. Members that apply the same entries hold the same records, however the
// entries were cut into batches. A snapshot that an operator restores is applied as well ([Restore.Supersede]). A command that fails changes
// nothing (Steer alone keeps the parts that it accepted), and neither does a Transaction with an operation that fails.
//
// Reading: a [View] is a consistent snapshot. It notes by itself which indexes its answers depend on ([View.Index]) and, made with
// [Store.WatchView], what to wait for ([View.Wait]). Readers take no lock and never stop a writer. What a View hands out is shared
// by all readers and must not be changed.
//
// # Indexes
//
// Every answer carries an index that is at least 1, never goes backwards for the same question, and moves only when the answer may
// have changed. Three kinds of records give it:
//
//   - A single object (key, session, group, …) answers with its ModifyIndex.
//   - A set of objects answers with its [IndexRow]: one for each table, one for each node and one for each service. A health or
//     DNS question about a service depends on one row alone, which moves with its instances, their nodes and all their checks.
//   - What is gone answers with its [Tombstone], or, once that is reaped, with the highest index that reaping has forgotten.
//
// Names of nodes, services and checks and the IDs of instances compare without regard to case, keys of the key/value store exactly.
package state
