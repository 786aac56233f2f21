// Package status answers /v1/status/, who leads and who votes, and the address alone.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/status.
package status
