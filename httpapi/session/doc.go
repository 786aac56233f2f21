// Package session answers /v1/session/: what locks are held by.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/session.
package session
