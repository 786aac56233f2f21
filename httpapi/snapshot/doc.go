// Package snapshot answers /v1/snapshot: the whole state as an archive, saved and restored. The archive is streamed both ways.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/snapshot.
package snapshot
