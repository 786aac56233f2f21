// Package cluster is the vocabulary of Holdfast: the nouns every other package speaks (Node, Service, Check, KVEntry, Session, Group,
// Member), the commands that change the replicated state, the options of a read, and the one error type. It imports the standard
// library only, holds no state and starts nothing.
//
// A domain type carries its meaning to a user and its validity (Validate). How it looks on the wire is each transport's
// own business: httpapi has Consul's JSON, dnsapi has resource records, consensus has msgpack.
package cluster
