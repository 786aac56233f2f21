// Package coordinate answers /v1/coordinate/: where the nodes are, in a space in which distances are round-trip times.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/coordinate.
package coordinate
