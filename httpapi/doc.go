// Package httpapi is the HTTP JSON API: Consul's paths, parameters, headers and JSON in front of one member of the cluster, and Holdfast's
// own /v1/failover.
//
// A request goes through few hands. The front routes it and parses what every request may carry (consistency, index and wait, token,
// datacenter) into a request. An endpoint, a method of its family's small handler type, reads with Reader.Query or writes with
// Writer.Apply as if nothing ever blocked, and gives a reply or an error. The front then encodes: headers, JSON, compression and the
// mapping of error codes to statuses live in one place each. Wire types and their conversions are in the files named …_wire.go.
//
// Paths are taken as they come: a "//", ".." or %2F in a key, a name or an ID is part of it and never redirected. Unknown parameters are
// ignored. An error is one sentence in text/plain.
//
// The reference is Consul's API documentation, https://developer.hashicorp.com/consul/api-docs.
package httpapi
