// Package connect answers what is left of /v1/connect/ and /v1/agent/connect/ where the mesh is left out: the root of the cluster's own CA.
// Programs that start a cluster for their tests wait for it.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/connect/ca.
package connect
