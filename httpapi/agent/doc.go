// Package agent answers /v1/agent/: what this agent is, the members that it sees, and the services and checks that are registered with
// it.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/agent.
package agent
