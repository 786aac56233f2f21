// Package status answers /v1/status/: who leads and who votes.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/status.
package status
