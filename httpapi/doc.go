// Package httpapi is the HTTP JSON API: Consul's paths, parameters, headers and JSON in front of one member of the cluster, and Holdfast's
// own /v1/failover. It has the listeners, and assembles the families of endpoints.
//
// A request goes through few hands. The front of package exchange routes it and parses what every request may carry. An endpoint, a method of
// its family's small handler type in the family's package, reads or writes and gives a reply or an error, which the front encodes. Wire
// types and their conversions are in files named …wire.go, and those that families share in package wire.
//
// The reference is Consul's API documentation, https://developer.hashicorp.com/consul/api-docs.
package httpapi
