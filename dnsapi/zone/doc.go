// Package zone serves DNS zones whose records are keys of the replicated store, so that every member has the same ones: a pair of
// authoritative servers needs nothing beside the cluster.
//
// Below a zone's prefix a key is the name of an owner, and its value lines of a zone file. Whenever one changes, the zone is put together
// anew ([Set]), its secondaries are told (NOTIFY) and fetch it (AXFR). The serial of its SOA is the index of the last change. A [Content]
// answers questions and knows no state: where an alias leads out of the zone, it says so.
package zone
