// Package kv answers /v1/kv/: reads of one key or many, and writes with compare-and-set and locks.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/kv.
package kv
