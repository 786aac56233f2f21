// Package catalog answers /v1/catalog/ and /v1/health/: the nodes, instances and checks that the cluster knows.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/catalog and …/health.
package catalog
